// The journal's files and what they say, with systemd's own programs as oracle.
#include "host/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/format.h"
#include "base/text.h"
#include "host/file_host.h"
#include "host/memory_host.h"
#include "host/recording_host.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

constexpr const char* kRemote = "/lib/systemd/systemd-journal-remote";
constexpr const char* kMachine = "0123456789abcdef0123456789abcdef";
constexpr const char* kOldBoot = "11111111111111111111111111111111";
constexpr const char* kNewBoot = "22222222222222222222222222222222";

TEST(Journal, TheNewestFilesComeFirstAndOthersAreLeftOut) {
  const std::string id = "5e3a6c9f0f4b4d8c9a1b2c3d4e5f6071";
  EXPECT_EQ(
      newest_journal_files({"fss", "system.journal", "system@" + id + "-1-0005f00000000000.journal",
                            "system@0005f20000000000-0123456789abcdef.journal~",
                            "system@" + id + "-9-0005f10000000000.journal", "user-1000.journal",
                            "system@junk.journal", "system@.journal~", "remote.journal"}),
      (Names{"system.journal", "system@0005f20000000000-0123456789abcdef.journal~",
             "system@" + id + "-9-0005f10000000000.journal",
             "system@" + id + "-1-0005f00000000000.journal"}));
  Names many;
  for (int i = 0; i < 50; ++i) many.push_back(format("system@{}-{}-{:016x}.journal", id, i, i + 1));
  const Names newest = newest_journal_files(many);
  ASSERT_EQ(newest.size(), kMostJournalFiles);
  EXPECT_EQ(newest.front(), many.back());
}

// A directory as root, with a journal of two boots made by systemd itself.
class JournalTree : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(kRemote, X_OK) != 0) GTEST_SKIP() << "no systemd-journal-remote";
    std::string name = (fs::temp_directory_path() / "cleave-journal-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    fs::create_directories(directory());
    fs::create_directories(root_ / "etc");
    std::ofstream(root_ / "etc/machine-id") << kMachine << "\n";
  }
  void TearDown() override {
    if (!root_.empty()) fs::remove_all(root_);
  }

  [[nodiscard]] fs::path directory() const { return root_ / "var/log/journal" / kMachine; }
  [[nodiscard]] const fs::path& root() const { return root_; }

  void add(const char* boot, const std::string& fields) {
    ++number_;
    export_ += format(
        "__CURSOR=s=0\n__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={}\n"
        "_MACHINE_ID={}\n_HOSTNAME=host\n{}\n",
        1'700'000'000'000'000 + number_ * 1'000'000, number_ * 1'234'567, boot, kMachine, fields);
  }
  void add_kernel(const char* boot, const std::string& message) {
    add(boot, "_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\nPRIORITY=6\nMESSAGE=" + message + "\n");
  }
  void add_two_boots() {
    for (const char* boot : {kOldBoot, kNewBoot}) {
      add_kernel(boot, "Linux version 6.8.0-60-generic");
      add(boot, "_TRANSPORT=journal\nSYSLOG_IDENTIFIER=sshd\nMESSAGE=not the kernel\n");
      for (int i = 0; i < 700; ++i) add_kernel(boot, format("usb 1-{}: device of {:.4}", i, boot));
    }
    write();
  }
  void write() {
    std::ofstream(root_ / "export") << export_;
    const auto made = live_host()->run_command(
        {kRemote, "-o", (directory() / "system.journal").string(), (root_ / "export").string()},
        std::chrono::seconds(20));
    ASSERT_TRUE(made);
    ASSERT_EQ(made->exit_status, 0) << made->output;
  }
  [[nodiscard]] Result<std::string> read(int boot, std::size_t most_lines) const {
    return (*open_file_host(root_.string()))->kernel_journal(boot, most_lines);
  }
  // Without the host's name and "kernel:", as dmesg has it.
  [[nodiscard]] std::string oracle(int boot) const {
    const auto said =
        live_host()->run_command({"journalctl", "-k", "-q", "-b", std::to_string(boot), "-D",
                                  directory().string(), "-o", "short-monotonic", "--no-pager"},
                                 std::chrono::seconds(20));
    return replace_all(said ? said->output : "", "] host kernel: ", "] ");
  }

 private:
  fs::path root_;
  std::string export_;
  int number_ = 0;
};

TEST_F(JournalTree, SaysWhatJournalctlSays) {
  add_two_boots();
  for (const int boot : {0, -1}) {
    SCOPED_TRACE(boot);
    const auto text = read(boot, 10'000);
    ASSERT_TRUE(text) << english(text.error().message);
    EXPECT_EQ(lines(*text).size(), 701U);
    EXPECT_EQ(*text, oracle(boot));
  }
  const auto last = read(-1, 3);
  ASSERT_TRUE(last);
  EXPECT_EQ(lines(*last).size(), 3U);
  EXPECT_TRUE(oracle(-1).ends_with(*last));
}

TEST_F(JournalTree, ABootThatIsNotThereIsNotFound) {
  EXPECT_EQ(read(-1, 10).error().code, ErrorCode::NotFound) << "no file at all";
  add_two_boots();
  EXPECT_EQ(read(-2, 10).error().code, ErrorCode::NotFound);
}

TEST_F(JournalTree, TheEndOfJournaldIsShownAndOtherProgramsAreNot) {
  add_kernel(kOldBoot, "one\ntwo");
  add(kOldBoot,
      "_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=systemd-shutdown\nSYSLOG_PID=1\n"
      "MESSAGE=Syncing filesystems and block devices.\n");
  add(kOldBoot,
      "_TRANSPORT=driver\nSYSLOG_IDENTIFIER=systemd-journald\nMESSAGE=Journal stopped\n"
      "MESSAGE_ID=d93fb3c9c24d451a97cea615ce59c00b\n");
  add_kernel(kNewBoot, "Linux version 6.8.0-60-generic");
  write();
  const auto text = read(-1, 10);
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("] systemd-shutdown[1]: Syncing filesystems"), std::string::npos);
  EXPECT_NE(text->find("] systemd-journald: Journal stopped\n"), std::string::npos);
}

TEST_F(JournalTree, DamagedFilesArePassedOver) {
  add_two_boots();
  const std::string before = oracle(-1);
  std::ofstream(directory() / "system@0006f20000000000-0123456789abcdef.journal~") << "LPKSHHRH";
  std::ofstream(directory() / "system@0006f20000000001-0123456789abcdef.journal~") << "";
  const auto text = read(-1, 10'000);
  ASSERT_TRUE(text) << text.error().error_number;
  EXPECT_EQ(*text, before);
}

TEST_F(JournalTree, ALinkOutOfTheRootIsNotFollowed) {
  fs::remove_all(directory());
  fs::create_directory_symlink(fs::temp_directory_path(), directory());
  EXPECT_EQ(read(0, 10).error().code, ErrorCode::NotFound);
}

TEST_F(JournalTree, WhatIsClosedIsDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  add_two_boots();
  fs::permissions(directory() / "system.journal", fs::perms::none);
  EXPECT_EQ(read(-1, 10).error().code, ErrorCode::Denied);
}

TEST(JournalOfAMachine, TheLastLinesAreGiven) {
  MemoryHost host;
  EXPECT_EQ(host.kernel_journal(-1, 5).error().code, ErrorCode::NotFound);
  host.add_file(kernel_journal_path(-1), "a\nb\nc\n");
  EXPECT_EQ(*host.kernel_journal(-1, 5), "a\nb\nc\n");
  EXPECT_EQ(*host.kernel_journal(-1, 2), "b\nc\n");
  EXPECT_EQ(*host.kernel_journal(-1, 0), "");
  host.add_unreadable(kernel_journal_path(0), EACCES);
  EXPECT_EQ(host.kernel_journal(0, 5).error().code, ErrorCode::Denied);
}

TEST(JournalOfAMachine, ItsRecordAnswersAlike) {
  MemoryHost host;
  host.add_file(kernel_journal_path(-1), "[    1.000000] usb 1-1: x\n");
  host.add_file("/dev/cpu/0/msr@0x3a", std::string(8, '\5'));
  host.add_file("/plain", "0123456789");
  host.add_unreadable("/closed", EACCES);
  const RecordingHost recorder(host);
  EXPECT_TRUE(recorder.kernel_journal(-1, 10));
  EXPECT_FALSE(recorder.kernel_journal(0, 10));
  EXPECT_EQ(*recorder.read_at("/plain", 2, 3), "234");
  EXPECT_EQ(recorder.read_at("/closed", 0, 8).error().code, ErrorCode::Denied);
  EXPECT_EQ(recorder.read_at("/no", 0, 8).error().code, ErrorCode::NotFound);
  const MemoryHost& record = recorder.recorded();
  EXPECT_EQ(*record.kernel_journal(-1, 10), "[    1.000000] usb 1-1: x\n");
  EXPECT_EQ(record.kernel_journal(0, 10).error().code, ErrorCode::NotFound);
  EXPECT_EQ(record.kernel_journal(-2, 10).error().code, ErrorCode::Unsupported);
  EXPECT_EQ(*record.read_at("/plain", 2, 3), "234");
  EXPECT_EQ(record.read_at("/plain", 3, 3).error().code, ErrorCode::Unsupported);
  EXPECT_EQ(record.read_at("/closed", 0, 8).error().code, ErrorCode::Denied);
  EXPECT_EQ(record.read_at("/no", 0, 8).error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace cleave
