// Archives of sources, good and hostile.
#include "app/source_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace cleave {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string name;
  std::string content;
  std::string link = {};
  std::string hard_link = {};
  mode_t type = AE_IFREG;
};

class SourceArchive : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/cleave-archive-test-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    fs::create_directory(target());
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string target() const { return directory_ + "/target"; }

  Result<void> unpack(const std::vector<Entry>& entries) {
    const std::string path = directory_ + "/a.tar";
    archive* writer = ::archive_write_new();
    ::archive_write_set_format_gnutar(writer);
    ::archive_write_open_filename(writer, path.c_str());
    for (const Entry& one : entries) {
      archive_entry* entry = ::archive_entry_new();
      ::archive_entry_set_pathname(entry, one.name.c_str());
      ::archive_entry_set_filetype(entry, one.link.empty() ? one.type : mode_t{AE_IFLNK});
      ::archive_entry_set_perm(entry, 0755);
      if (!one.link.empty()) ::archive_entry_set_symlink(entry, one.link.c_str());
      if (!one.hard_link.empty()) ::archive_entry_set_hardlink(entry, one.hard_link.c_str());
      ::archive_entry_set_size(entry, static_cast<la_int64_t>(one.content.size()));
      ::archive_write_header(writer, entry);
      ::archive_write_data(writer, one.content.data(), one.content.size());
      ::archive_entry_free(entry);
    }
    ::archive_write_free(writer);
    return unpack_source(path, target(), -1);
  }

  std::string text_of(const std::string& name) {
    std::stringstream text;
    text << std::ifstream(target() + "/" + name).rdbuf();
    return text.str();
  }

  std::string directory_;
};

TEST_F(SourceArchive, UnpacksWithoutItsTop) {
  const auto done = unpack({{.name = "q-1/", .content = "", .type = AE_IFDIR},
                            {.name = "q-1/VERSION", .content = "1.2.3\n"},
                            {.name = "q-1/a/b/c", .content = "deep"},
                            {.name = "q-1/a/link", .content = "", .link = "../VERSION"},
                            {.name = "q-1/hard", .content = "", .hard_link = "q-1/VERSION"}});
  ASSERT_TRUE(done) << english(done.error());
  EXPECT_EQ(text_of("VERSION"), "1.2.3\n");
  EXPECT_EQ(text_of("a/b/c"), "deep");
  EXPECT_EQ(text_of("a/link"), "1.2.3\n");
  EXPECT_EQ(text_of("hard"), "1.2.3\n");
  // Again over what is there, as after an interruption.
  EXPECT_TRUE(unpack({{.name = "q-1/VERSION", .content = "1.2.4\n"}}));
  EXPECT_EQ(text_of("VERSION"), "1.2.4\n");
}

TEST_F(SourceArchive, NothingLeadsOut) {
  const std::string outside = directory_ + "/outside";
  const std::vector<std::vector<Entry>> hostile = {
      {{.name = "q/../../outside", .content = "x"}},
      {{.name = "/" + outside, .content = "x"}},
      {{.name = "q/ok", .content = "x"}, {.name = "other/file", .content = "x"}},
      {{.name = "q/link", .content = "", .link = "../../outside"}},
      {{.name = "q/link", .content = "", .link = outside}},
      {{.name = "q/d", .content = "", .link = "."}, {.name = "q/d/x", .content = "x"}},
      {{.name = "q/hard", .content = "", .hard_link = "../outside"}},
      {{.name = "q/fifo", .content = "", .type = AE_IFIFO}},
      {{.name = "q", .content = "a file at the top"}},
      {},
  };
  for (const auto& entries : hostile) {
    const auto done = unpack(entries);
    EXPECT_FALSE(done) << (entries.empty() ? "empty" : entries.back().name);
    EXPECT_FALSE(fs::exists(outside));
  }
}

TEST_F(SourceArchive, WhatIsNoArchiveIsToldSo) {
  std::ofstream(directory_ + "/text") << "hello";
  EXPECT_EQ(unpack_source(directory_ + "/text", target(), -1).error().code, ErrorCode::Malformed);
  EXPECT_EQ(unpack_source(directory_ + "/none", target(), -1).error().code, ErrorCode::NotFound);
}

TEST_F(SourceArchive, StopsWhenAsked) {
  int ends[2] = {};
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  const std::string path = directory_ + "/a.tar";
  ASSERT_TRUE(unpack({{.name = "q/a", .content = "x"}}));
  EXPECT_EQ(unpack_source(path, target(), ends[0]).error().code, ErrorCode::Interrupted);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace cleave
