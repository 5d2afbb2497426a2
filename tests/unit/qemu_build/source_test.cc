// Where sources come from and what builds are called; the change of --refresh-ms; state and record.
#include "qemu_build/source.h"

#include <gtest/gtest.h>

#include "qemu_build/progress.h"
#include "qemu_build/record.h"
#include "qemu_build/refresh.h"
#include "qemu_build/state.h"

namespace cleave {
namespace {

Result<BuildSource> classify(const std::string& text, FoundThere found = FoundThere::Nothing,
                             const std::string& version = {}) {
  return classify_source(text, version, "/home/mina/" + text, found);
}

TEST(QemuSource, IsToldByWhatIsTyped) {
  EXPECT_EQ(classify("distribution")->kind, SourceKind::Distribution);
  EXPECT_EQ(classify("q", FoundThere::Directory)->kind, SourceKind::Directory);
  EXPECT_EQ(classify("q.tar.xz", FoundThere::File)->location, "/home/mina/q.tar.xz");
  EXPECT_EQ(classify("https://gitlab.com/qemu-project/qemu.git")->kind, SourceKind::Git);
  EXPECT_EQ(classify("https://example.org/qemu-8.2.0.tar.xz")->kind, SourceKind::Download);
  const auto release = classify_source("", "8.2.0", "/", FoundThere::Directory);
  EXPECT_EQ(release->location, "https://download.qemu.org/qemu-8.2.0.tar.xz");
  EXPECT_EQ(classify("nowhere").error().code, ErrorCode::NotFound);
  EXPECT_EQ(classify("closed", FoundThere::Unreadable).error().code, ErrorCode::Denied);
  EXPECT_EQ(classify("").error().code, ErrorCode::Malformed);
}

TEST(QemuSource, NothingIsFetchedInAWayThatStartsProgramsOrHidesWhoAnswers) {
  for (const char* text : {"ext::sh -c touch% /tmp/x://", "http://example.org/qemu.git",
                           "http://example.org/q.tar.xz", "fd://3", "-upload-pack=x://"}) {
    EXPECT_FALSE(classify(text)) << text;
  }
}

TEST(QemuSource, VersionsLookLikeQemus) {
  for (const char* good : {"8.2.0", "7.2.22", "9.0.0-rc1", "10.0"}) {
    EXPECT_TRUE(is_qemu_version(good)) << good;
  }
  for (const char* bad : {"", "8", "8.2.0-rc", "v8.2.0", "8.2/../..", "8..0", "-rc1", "8.2.0 "}) {
    EXPECT_FALSE(is_qemu_version(bad)) << bad;
  }
  EXPECT_EQ(*parse_version_file("7.2.22\n"), (Version{7, 2, 22}));
  EXPECT_FALSE(parse_version_file("hello"));
}

TEST(QemuSource, NamesAreFilesAndNoPrograms) {
  EXPECT_EQ(build_name({7, 2, 22}, 0), "7.2.22");
  EXPECT_EQ(build_name({7, 2, 22}, 10), "7.2.22-refresh-10ms");
  EXPECT_TRUE(is_build_name("mine_1.0-x"));
  for (const char* bad : {"", ".x", "..", "a/b", "qemu-system-x86_64", "kvm", "a b"}) {
    EXPECT_FALSE(is_build_name(bad)) << bad;
  }
  EXPECT_EQ(work_name({.kind = SourceKind::Distribution}, 4), "distribution-refresh-4ms");
  const auto one = work_name({.kind = SourceKind::Git, .location = "https://a.org/qemu.git"}, 0);
  const auto two = work_name({.kind = SourceKind::Git, .location = "https://b.org/qemu.git"}, 0);
  EXPECT_TRUE(one.starts_with("qemu-"));
  EXPECT_NE(one, two);
  EXPECT_TRUE(
      is_build_name(work_name({.kind = SourceKind::Directory, .location = "/x/q ä b/"}, 0)));
  EXPECT_NE(fingerprint({"ab", "c"}), fingerprint({"a", "bc"}));
}

TEST(QemuSource, SourcePackagesComeFromTheDistributionAlone) {
  const std::vector<AptFile> files = {
      {.name = "/etc/apt/sources.list",
       .text = "# deb http://x bookworm main\n"
               "deb [arch=amd64 signed-by=/k] http://mirror.example/debian bookworm main\n"
               "deb http://mirror.example/debian bookworm-updates main # new\n"
               "deb-src http://mirror.example/debian bookworm-updates main\n"
               "deb https://packages.example.com cloud-sdk-bookworm main\n"},
      {.name = "debian.sources",
       .text = "# ours\nTypes: deb\nURIs: http://mirror.example/debian\n"
               "Suites: bookworm bookworm-updates\nComponents: main\nSigned-By:\n"
               " -----BEGIN\n .\n -----END\n\nTypes: deb\nEnabled: no\nURIs: http://y\n"
               "Suites: bookworm\nComponents: main\n"}};
  const AptSources sources = sources_for_source_packages(files, "bookworm");
  EXPECT_EQ(sources.one_line,
            "deb-src [arch=amd64 signed-by=/k] http://mirror.example/debian bookworm main\n"
            "deb-src http://mirror.example/debian bookworm-updates main\n");
  EXPECT_EQ(sources.deb822,
            "Types: deb-src\nURIs: http://mirror.example/debian\n"
            "Suites: bookworm bookworm-updates\nComponents: main\nSigned-By:\n"
            " -----BEGIN\n .\n -----END\n\n");
  // Files that name the suite by its age.
  EXPECT_FALSE(sources_for_source_packages({{.name = "a.list", .text = "deb http://x stable main"}},
                                           "bookworm")
                   .empty());
  EXPECT_TRUE(sources_for_source_packages({}, "bookworm").empty());
}

TEST(QemuRefresh, ChangesExactlyWhatItKnows) {
  const auto changes = refresh_changes(4);
  ASSERT_TRUE(changes);
  const std::string shipped = "x\n#define GUI_REFRESH_INTERVAL_DEFAULT    30\ny\n";
  EXPECT_EQ(*apply_change(shipped, changes->front()),
            "x\n#define GUI_REFRESH_INTERVAL_DEFAULT    4\ny\n");
  EXPECT_EQ(apply_change(shipped + shipped, changes->front()).error().code, ErrorCode::Conflict);
  EXPECT_EQ(
      apply_change("#define GUI_REFRESH_INTERVAL_DEFAULT    300\n", changes->front()).error().code,
      ErrorCode::Conflict);
  EXPECT_FALSE(refresh_changes(0));
  EXPECT_FALSE(refresh_changes(30));
}

TEST(QemuBuildState, GoesOnWhereItWas) {
  BuildState state{.source = "s", .configuration = "c", .done = {}};
  for (const BuildStep step : {BuildStep::Fetch, BuildStep::Unpack, BuildStep::Change,
                               BuildStep::Configure, BuildStep::Compile}) {
    state.done.push_back(step);
  }
  const auto read = parse_build_state(to_text(state));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, state);
  EXPECT_EQ(continued(state, "s", "c"), state);
  EXPECT_TRUE(continued(state, "other", "c").done.empty());
  EXPECT_EQ(continued(state, "s", "other").done,
            (std::vector{BuildStep::Fetch, BuildStep::Unpack, BuildStep::Change}));
}

TEST(QemuBuildState, DamagedIsNone) {
  for (const char* text :
       {"", "{}", "[]", R"({"schema":"cleave.qemu-build-state/1","done":["unpack","fetch"]})",
        R"({"schema":"cleave.qemu-build-state/1","done":["dance"]})",
        R"({"schema":"cleave.qemu-build-state/1","done":[1]})"}) {
    EXPECT_FALSE(parse_build_state(text)) << text;
  }
}

TEST(QemuBuildRecord, IsReadAsWritten) {
  const BuildRecord record{.name = "7.2.22",
                           .version = "7.2.22",
                           .source = "distribution",
                           .source_detail = "qemu 7.2",
                           .built_at = 1700000000,
                           .refresh_ms = 4,
                           .targets = "x86_64-softmmu",
                           .options = {"kvm", "gtk"},
                           .configure = {"--enable-kvm"},
                           .configuration = "abc",
                           .displays = {"gtk"},
                           .guest_frames = 12,
                           .guest_frames_per_second = 61.5,
                           .seconds = 420};
  const auto read = parse_build_record(to_text(record), "7.2.22");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, record);
  EXPECT_FALSE(parse_build_record(to_text(record), "other"));
  EXPECT_FALSE(parse_build_record("{}", "7.2.22"));
}

TEST(QemuBuildProgress, ReadsNinjasLines) {
  const auto progress = ninja_progress("[12/1034] Compiling C object x.o");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->done, 12U);
  EXPECT_EQ(progress->total, 1034U);
  for (const char* line : {"", "12/1034", "[x/1] a", "[3/2] a", "[1/0] a", "[/] ", "] /["}) {
    EXPECT_FALSE(ninja_progress(line)) << line;
  }
  EXPECT_EQ(tenths({.done = 999, .total = 1000}), 9U);
  EXPECT_EQ(tenths({.done = 1000, .total = 1000}), 10U);
  EXPECT_FALSE(seconds_left({1, 100}, {5, 100}, 60));
  EXPECT_EQ(*seconds_left({0, 100}, {50, 100}, 60), 60U);
}

TEST(QemuBuildProgress, FindsWhatWentWrong) {
  const std::string log =
      "[1/3] cc a.c\nFAILED: a.o\na.c:3:1: error: expected ‘;’\nmore\nninja: error: stopped\n";
  EXPECT_EQ(first_errors(log, 2),
            (std::vector<std::string>{"FAILED: a.o", "a.c:3:1: error: expected ‘;’"}));
  EXPECT_TRUE(says_disk_full("as: x.o: No space left on device"));
  EXPECT_FALSE(says_disk_full(log));
}

}  // namespace
}  // namespace cleave
