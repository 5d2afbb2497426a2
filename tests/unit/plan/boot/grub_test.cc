// What is written for GRUB: by our own reading of the files, and by bash's.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "facts/grub_defaults.h"
#include "host/file_host.h"
#include "plan/boot/loader.h"
#include "plan/own_part.h"
#include "support/golden.h"

namespace cleave {
namespace {

constexpr const char* kSettings = "/etc/default/grub";
using Texts = std::map<std::string, std::string, std::less<>>;

Facts grub_machine() {
  Facts facts;
  facts.boot.grub_config = {GrubConfig(), "/boot/grub/grub.cfg"};
  return facts;
}

Result<std::vector<Change>> plan_for(BootWriter writer, Texts texts,
                                     std::vector<std::string> words = {"i915.enable_gvt=1"}) {
  const Facts facts = grub_machine();
  const BootLoader loader;
  return find_loader(writer)->add_arguments(
      {.facts = facts, .loader = loader, .words = std::move(words), .texts = std::move(texts)});
}

const WriteFile& file_of(const std::vector<Change>& changes) {
  return std::get<WriteFile>(changes.at(1).effect);
}

TEST(GrubLoader, ADropInStandsBehindTheSettings) {
  const auto changes =
      plan_for(BootWriter::GrubDropIn, {{kSettings, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"}});
  ASSERT_TRUE(changes) << english(changes.error());
  ASSERT_EQ(changes->size(), 3U);
  EXPECT_EQ(file_of(*changes).path, "/etc/default/grub.d/90-cleave.cfg");
  EXPECT_EQ(file_of(*changes).expected_before, kAbsentFile);
  EXPECT_NE(file_of(*changes).content.find(
                "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT i915.enable_gvt=1\"\n"),
            std::string::npos);
  const auto& undo = std::get<GenerateFile>(changes->front().effect);
  const auto& menu = std::get<GenerateFile>(changes->back().effect);
  EXPECT_TRUE(undo.only_undo);
  EXPECT_FALSE(menu.only_undo);
  EXPECT_EQ(join(menu.argv, " "), "grub-mkconfig -o /boot/grub/grub.cfg.cleave-new");
  EXPECT_EQ(menu.words, std::vector<std::string>{"i915.enable_gvt=1"});
}

TEST(GrubLoader, WhatIsEffectiveAlreadyIsNotAddedTwice) {
  for (const BootWriter writer : {BootWriter::GrubDropIn, BootWriter::GrubSettings}) {
    const auto changes = plan_for(
        writer, {{kSettings, "GRUB_CMDLINE_LINUX='intel_iommu=on,igfx_off i915.enable_gvt=1'\n"}},
        {"i915.enable_gvt=1", "intel_iommu=on"});
    ASSERT_TRUE(changes) << english(changes.error());
    EXPECT_TRUE(changes->empty());
  }
}

TEST(GrubLoader, AValueThatLosesIsPutBehind) {
  const auto changes =
      plan_for(BootWriter::GrubSettings,
               {{kSettings, "GRUB_CMDLINE_LINUX_DEFAULT='i915.enable_gvt=0 quiet'\n"}});
  ASSERT_TRUE(changes) << english(changes.error());
  const GrubDefaults after = parse_grub_defaults(file_of(*changes).content);
  EXPECT_EQ(after.value_of("GRUB_CMDLINE_LINUX_DEFAULT"),
            "i915.enable_gvt=0 quiet i915.enable_gvt=1");
}

TEST(GrubLoader, ADropInThatOverwritesIsOutrun) {
  const auto changes =
      plan_for(BootWriter::GrubDropIn,
               {{kSettings, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"},
                {"/etc/default/grub.d/99-mine.cfg", "GRUB_CMDLINE_LINUX_DEFAULT=x\n"}});
  ASSERT_TRUE(changes) << english(changes.error());
  EXPECT_EQ(file_of(*changes).path, "/etc/default/grub.d/zz-cleave.cfg");
}

TEST(GrubLoader, ADropInThatNobodyCanOutrunIsAConflict) {
  const auto changes = plan_for(
      BootWriter::GrubDropIn, {{kSettings, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"},
                               {"/etc/default/grub.d/zzz.cfg", "GRUB_CMDLINE_LINUX_DEFAULT=x\n"}});
  ASSERT_FALSE(changes);
  EXPECT_EQ(changes.error().code, ErrorCode::Conflict);
}

TEST(GrubLoader, ASecondSetUpKeepsTheWordsOfTheFirst) {
  for (const BootWriter writer : {BootWriter::GrubDropIn, BootWriter::GrubSettings}) {
    Texts texts = {{kSettings, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"}};
    const auto first = plan_for(writer, texts);
    ASSERT_TRUE(first);
    texts[file_of(*first).path] = file_of(*first).content;
    EXPECT_TRUE(plan_for(writer, texts)->empty());
    const auto second = plan_for(writer, texts, {"i915.enable_gvt=1", "kvm.ignore_msrs=1"});
    ASSERT_TRUE(second);
    EXPECT_EQ(block_of(file_of(*second).content),
              "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT i915.enable_gvt=1 "
              "kvm.ignore_msrs=1\"\n");
    EXPECT_EQ(file_of(*second).expected_before, content_hash(texts[file_of(*first).path]));
  }
}

TEST(GrubLoader, WhatOnlyAShellCouldTellIsNotTouched) {
  for (const char* text :
       {"GRUB_CMDLINE_LINUX_DEFAULT=\"$(cat /x)\"\n", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\n",
        "GRUB_CMDLINE_LINUX_DEFAULT='a"}) {
    const auto changes = plan_for(BootWriter::GrubSettings, {{kSettings, text}});
    ASSERT_FALSE(changes) << text;
    EXPECT_EQ(changes.error().code, ErrorCode::Conflict);
    EXPECT_EQ(changes.error().path, kSettings);
  }
}

TEST(GrubLoader, AWordThatMeansSomethingToAShellIsRefused) {
  for (const char* word : {"a=$(reboot)", "a=`x`", "a\"b", "a b", "", "-x", "a\\", "a\nb", "a'b"}) {
    const auto changes = plan_for(BootWriter::GrubDropIn, {{kSettings, ""}}, {word});
    ASSERT_FALSE(changes) << word;
    EXPECT_EQ(changes.error().code, ErrorCode::Malformed);
  }
}

TEST(KernelWords, OnlyWhatIsNotEffectiveIsMissing) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(words_to_add("quiet", {"a.b=1"}), Words{"a.b=1"});
  EXPECT_EQ(words_to_add("a-b.c=1", {"a_b.c=1"}), Words{}) << "the kernel sees no difference";
  EXPECT_EQ(words_to_add("a.b=1", {"a.b=1"}), Words{});
  EXPECT_EQ(words_to_add("a.b=1 a.b=0", {"a.b=1"}), Words{"a.b=1"});
  EXPECT_EQ(words_to_add("intel_iommu=igfx_off intel_iommu=on", {"intel_iommu=on"}), Words{});
  EXPECT_EQ(words_to_add("x -- a.b=1", {"a.b=1"}), Words{"a.b=1"}) << "init's own";
  EXPECT_EQ(words_to_add("", {"nomodeset"}), Words{"nomodeset"});
  EXPECT_EQ(words_to_add("nomodeset", {"nomodeset"}), Words{});
}

// --- bash is the judge, on every file of the corpus

struct Seen {
  std::string linux_all;
  std::string linux_default;
};

class Bash {
 public:
  Bash() : host_(live_host()) {
    directory_ = ::testing::TempDir() + "cleave-grub-" + std::to_string(::getpid());
    std::filesystem::create_directory(directory_);
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
  }
  ~Bash() { std::filesystem::remove_all(directory_); }
  Bash(const Bash&) = delete;
  Bash& operator=(const Bash&) = delete;

  // What bash has in the two variables after it read the file. The files are other people's: no
  // program is found, and the shell is nobody.
  std::optional<Seen> read(const std::string& text) {
    const std::string path = directory_ + "/grub";
    std::ofstream(path, std::ios::binary) << text;
    std::filesystem::permissions(path, std::filesystem::perms(0644));
    std::vector<std::string> argv = {"env",
                                     "-i",
                                     "PATH=/nonexistent",
                                     "/bin/bash",
                                     "--norc",
                                     "-c",
                                     ". \"$1\" >/dev/null 2>&1; printf '%s\\001%s\\001' "
                                     "\"$GRUB_CMDLINE_LINUX\" \"$GRUB_CMDLINE_LINUX_DEFAULT\"",
                                     "bash",
                                     path};
    if (::geteuid() == 0) {
      argv.insert(argv.begin(), {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
    }
    const auto output = host_->run_command(argv, std::chrono::seconds(10));
    if (!output) return std::nullopt;
    const auto parts = split(output->output, '\001');
    if (parts.size() != 3) return std::nullopt;
    return Seen{std::string(parts[0]), std::string(parts[1])};
  }

 private:
  std::unique_ptr<HostWriter> host_;
  std::string directory_;
};

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(GrubLoaderCorpus, BashSeesTheOldWordsAndTheNewOnes) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  Bash bash;
  std::size_t changed = 0;
  std::size_t refused = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus + "/grub")) {
    if (!entry.is_regular_file() || entry.path().extension() == ".tsv") continue;
    SCOPED_TRACE(entry.path().filename().string());
    const std::string text = content_of(entry.path());
    const auto changes = plan_for(BootWriter::GrubSettings, {{kSettings, text}},
                                  {"i915.enable_gvt=1", "cleave.test=a,b"});
    const auto before = bash.read(text);
    ASSERT_TRUE(before);
    if (!changes) {
      ++refused;
      EXPECT_EQ(changes.error().code, ErrorCode::Conflict);
      continue;
    }
    if (changes->empty()) continue;
    const std::string& written = file_of(*changes).content;
    EXPECT_TRUE(written.starts_with(text)) << "every other byte stays";
    EXPECT_EQ(without_block(written), text);
    const auto after = bash.read(written);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->linux_all, before->linux_all);
    std::string expected = before->linux_default;
    for (const std::string& word : std::get<GenerateFile>(changes->back().effect).words) {
      expected += " " + word;
    }
    EXPECT_EQ(after->linux_default, expected);
    ++changed;
  }
  EXPECT_GE(changed, 50U);
  EXPECT_LE(refused, 3U);
}

}  // namespace
}  // namespace cleave
