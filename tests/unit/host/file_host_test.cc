// What only the file host does: real owners, real commands, real locks.
#include "host/file_host.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cleave {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class FileHostTest : public ::testing::Test {
 protected:
  FileHostTest() {
    std::string name = (fs::temp_directory_path() / "cleave-file-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~FileHostTest() override { fs::remove_all(root_); }
  [[nodiscard]] std::string path(const std::string& below) const {
    return (root_ / below).string();
  }
  void write(const std::string& below, const std::string& content) const {
    std::ofstream(path(below)) << content;
  }
  [[nodiscard]] std::unique_ptr<HostWriter> host() const { return *open_file_host(root_.string()); }

 private:
  fs::path root_;
};

TEST_F(FileHostTest, ReplaceKeepsModeOwnerAndAttributes) {
  write("file", "old");
  ASSERT_EQ(::chmod(path("file").c_str(), 0640), 0);
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::chown(path("file").c_str(), 12, 34), 0);
    ASSERT_EQ(::chmod(path("file").c_str(), 04640), 0);
  }
  const bool has_attributes = ::setxattr(path("file").c_str(), "user.note", "kept", 4, 0) == 0;
  ASSERT_TRUE(host()->replace_file("/file", "new", 0777));
  struct stat found{};
  ASSERT_EQ(::stat(path("file").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, is_root ? 04640U : 0640U);
  if (is_root) {
    EXPECT_EQ(found.st_uid, 12U);
    EXPECT_EQ(found.st_gid, 34U);
  }
  if (has_attributes) {
    char value[8] = {};
    EXPECT_EQ(::getxattr(path("file").c_str(), "user.note", value, sizeof(value)), 4);
    EXPECT_STREQ(value, "kept");
  }
}

TEST_F(FileHostTest, AFailedReplaceLeavesTheOldFileAndNothingElse) {
  write("file", "old");
  // A full disk: the kernel refuses to write beyond this size with EFBIG.
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit small{.rlim_cur = 10, .rlim_max = old_limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto result = host()->replace_file("/file", std::string(100, 'x'));
  const auto names = host()->list_directory("/");
  const auto content = host()->read_file("/file");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  (void)std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error_number, EFBIG);
  EXPECT_EQ(*names, std::vector<std::string>{"file"});
  EXPECT_EQ(*content, "old");
}

TEST_F(FileHostTest, ALeftOverTemporaryFileBlocksAtMostOnce) {
  write("file", "old");
  // As a crash of a process with this id leaves it. It is never written into: it may be another's.
  write(".file.cleave-" + std::to_string(::getpid()), "half");
  const auto host_here = host();
  if (!host_here->replace_file("/file", "new")) {
    EXPECT_EQ(*host_here->read_file("/file"), "old");
    EXPECT_TRUE(host_here->replace_file("/file", "new"));
  }
  EXPECT_EQ(*host_here->read_file("/file"), "new");
  EXPECT_EQ(*host_here->list_directory("/"), std::vector<std::string>{"file"});
}

TEST_F(FileHostTest, AMissingRootIsNotFound) {
  const auto missing = open_file_host(path("no"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  write("file", "");
  EXPECT_FALSE(open_file_host(path("file")));
}

TEST_F(FileHostTest, AFifoDoesNotBlockAReader) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(host()->read_file("/fifo").value_or("?"), "");
  EXPECT_EQ(host()->status("/fifo")->kind, FileKind::Other);
}

TEST_F(FileHostTest, ACapturedTreeRunsNoCommands) {
  EXPECT_FALSE(host()->is_live());
  EXPECT_FALSE(host()->run_command({"true"}, milliseconds(1000)));
}

TEST_F(FileHostTest, DeniedIsNotMissing) {
  if (::geteuid() == 0) GTEST_SKIP() << "skipped: root may read everything";
  write("secret", "x");
  ASSERT_EQ(::chmod(path("secret").c_str(), 0), 0);
  EXPECT_EQ(host()->read_file("/secret").error().code, ErrorCode::Denied);
  EXPECT_EQ(host()->may_access("/secret", Access::Read).value_or(true), false);
  EXPECT_TRUE(host()->exists("/secret"));
}

TEST(LiveHost, DeviceNodesHaveNumbers) {
  const auto host = live_host();
  EXPECT_TRUE(host->is_live());
  const auto null = host->status("/dev/null");
  ASSERT_TRUE(null);
  EXPECT_EQ(null->kind, FileKind::CharacterDevice);
  EXPECT_EQ(null->device_major, 1U);  // Documentation/admin-guide/devices.txt
  EXPECT_EQ(null->device_minor, 3U);
  EXPECT_TRUE(host->may_access("/dev/null", Access::ReadWrite).value_or(false));
}

TEST(LiveHost, LinksOfProcCanBeRead) {
  const auto host = live_host();
  EXPECT_TRUE(host->read_link("/proc/self/exe"));
  EXPECT_TRUE(host->read_file("/proc/self/limits"));
}

TEST(LiveHost, CommandsGiveOutputAndStatus) {
  const auto host = live_host();
  const auto output =
      host->run_command({"sh", "-c", "echo out; echo err >&2; exit 3"}, milliseconds(10'000));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->exit_status, 3);
  EXPECT_NE(output->output.find("out"), std::string::npos);
  EXPECT_NE(output->output.find("err"), std::string::npos);
  const auto killed = host->run_command({"sh", "-c", "kill -9 $$"}, milliseconds(10'000));
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->exit_status, 128 + 9);
}

TEST(LiveHost, CommandsGetNoEnvironmentAndNoInput) {
  ::setenv("CLEAVE_SECRET", "x", 1);
  const auto output = live_host()->run_command({"env"}, milliseconds(10'000));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->output.find("CLEAVE_SECRET"), std::string::npos);
  EXPECT_NE(output->output.find("LC_ALL=C"), std::string::npos);
  EXPECT_EQ(live_host()->run_command({"cat"}, milliseconds(10'000))->exit_status, 0);
}

TEST(LiveHost, ArgumentsAreNotInterpreted) {
  const auto output = live_host()->run_command({"echo", "$HOME; `id` *"}, milliseconds(10'000));
  EXPECT_EQ(output->output, "$HOME; `id` *\n");
}

TEST(LiveHost, ACommandThatTakesTooLongIsEnded) {
  const auto before = std::chrono::steady_clock::now();
  const auto output = live_host()->run_command({"sleep", "30"}, milliseconds(100));
  EXPECT_FALSE(output);
  EXPECT_EQ(output.error().error_number, ETIMEDOUT);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10));
}

TEST(LiveHost, AMissingProgramIsNotFound) {
  const auto output = live_host()->run_command({"cleave-no-such-program"}, milliseconds(1000));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::NotFound);
  EXPECT_FALSE(live_host()->run_command({}, milliseconds(1000)));
}

}  // namespace
}  // namespace cleave
