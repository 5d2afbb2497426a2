#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "run/bridge.h"
#include "run/pinning.h"
#include "unit/run/supervisor_fixture.h"

namespace cleave {
namespace {

// Stands in for qemu-bridge-helper, which needs root and a bridge.
class BridgeTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = testing::TempDir() + "cleave-bridge-XXXXXX";
    ASSERT_NE(::mkdtemp(base_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(base_); }
  [[nodiscard]] std::string helper(const std::string& script) const {
    const std::string path = base_ + "/helper";
    std::ofstream(path) << "#!/usr/bin/python3\nimport os, socket, sys, time\n" << script;
    ::chmod(path.c_str(), 0755);
    return path;
  }
  std::string base_;
};

TEST_F(BridgeTest, TheHelpersDescriptorArrives) {
  const auto tap =
      tap_on_bridge(helper("assert sys.argv[1:] == ['--use-vnet', '--br=br0', '--fd=3'], sys.argv\n"
                           "s = socket.socket(fileno=3)\n"
                           "socket.send_fds(s, [b'\\0'], [os.open('" +
                           base_ + "/tap', os.O_RDWR | os.O_CREAT)])\n"),
                    "br0");
  ASSERT_TRUE(tap.has_value()) << english(tap.error());
  struct stat opened{};
  struct stat file{};
  ASSERT_EQ(::fstat(tap->get(), &opened), 0);
  ASSERT_EQ(::stat((base_ + "/tap").c_str(), &file), 0);
  EXPECT_EQ(opened.st_ino, file.st_ino);
  EXPECT_NE(::fcntl(tap->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(BridgeTest, RefusalsAreToldInItsOwnWordsWithARemedy) {
  const auto denied = tap_on_bridge(helper("sys.exit('access denied by acl file')"), "br0");
  ASSERT_FALSE(denied.has_value());
  EXPECT_EQ(denied.error().code, ErrorCode::Denied);
  EXPECT_NE(english(denied.error()).find("access denied by acl file"), std::string::npos);
  EXPECT_NE(english(denied.error().remedy).find("allow br0"), std::string::npos);
  const auto absent = tap_on_bridge(
      helper("sys.exit('failed to add interface `tap0\\' to bridge `br0\\': No such device')"),
      "br0");
  EXPECT_EQ(absent.error().code, ErrorCode::NotFound);
  const auto not_root = tap_on_bridge(
      helper("sys.exit('failed to create tun device: Operation not permitted')"), "br0");
  EXPECT_NE(english(not_root.error().remedy).find("chmod u+s"), std::string::npos);
  const auto no_node =
      tap_on_bridge(helper("sys.exit('failed to open /dev/net/tun: Permission denied')"), "br0");
  EXPECT_NE(english(no_node.error().remedy).find("chmod 666"), std::string::npos);
}

TEST_F(BridgeTest, OneThatSendsNothingOrNeverEndsIsAnError) {
  EXPECT_FALSE(tap_on_bridge(helper(""), "br0").has_value());
  const auto slow = tap_on_bridge(helper("time.sleep(60)"), "br0", milliseconds(300));
  ASSERT_FALSE(slow.has_value());
  EXPECT_EQ(slow.error().error_number, ETIMEDOUT);
  EXPECT_EQ(tap_on_bridge("/opt/no/helper", "br0").error().code, ErrorCode::NotFound);
}

TEST_F(SupervisorTest, QemuHasTheGivenFileAndTheSupervisorDoesNotKeepIt) {
  const std::string given = base_ + "/given";
  std::vector<GivenFile> files;
  files.push_back(
      {.number = 41, .file = OwnedFd(::open(given.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600))});
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor->give(files).has_value());
  const auto launched = supervisor->launch(qemu());
  ASSERT_TRUE(launched.has_value()) << english(launched.error());
  const auto descriptors = [](std::uint32_t process) {
    return std::filesystem::path("/proc/" + std::to_string(process) + "/fd");
  };
  EXPECT_EQ(std::filesystem::read_symlink(descriptors(launched->qemu.process_id) / "41"), given);
  for (const auto& each :
       std::filesystem::directory_iterator(descriptors(launched->supervisor.process_id))) {
    EXPECT_NE(std::filesystem::read_symlink(each.path()), given);
  }
}

std::string allowed_cpus(std::uint32_t process, std::uint64_t thread) {
  std::ifstream file("/proc/" + std::to_string(process) + "/task/" + std::to_string(thread) +
                     "/status");
  std::string word;
  while (file >> word) {
    if (word == "Cpus_allowed_list:" && file >> word) return word;
  }
  return {};
}

TEST_F(SupervisorTest, BindsTheGuestsProcessorsAndTellsWhatItCouldNot) {
  const std::string own =
      allowed_cpus(static_cast<std::uint32_t>(::getpid()), static_cast<std::uint64_t>(::getpid()));
  if (!own.starts_with("0")) GTEST_SKIP() << "skipped: processor 0 is not ours";
  Result<Supervisor> supervisor = Supervisor::start(spec());
  LaunchSpec launch = qemu({"-machine", "q35,accel=tcg", "-m", "32", "-smp", "3", "-S"});
  launch.pin = {{0}, {8000}};
  const auto launched = supervisor->launch(launch);
  ASSERT_TRUE(launched.has_value()) << english(launched.error());
  ASSERT_EQ(launched->failures.size(), 1U);
  EXPECT_NE(english(launched->failures.front()).find("processor 1"), std::string::npos)
      << english(launched->failures.front());
  const auto cpus = order("query-cpus-fast");
  ASSERT_TRUE(cpus.has_value());
  const auto thread = [&](std::size_t index) {
    return cpus->as_array()->at(index).find("thread-id")->as_unsigned().value_or(0);
  };
  EXPECT_EQ(allowed_cpus(launched->qemu.process_id, thread(0)), "0");
  EXPECT_EQ(allowed_cpus(launched->qemu.process_id, thread(1)), own);
  EXPECT_EQ(allowed_cpus(launched->qemu.process_id, thread(2)), own);
}

}  // namespace
}  // namespace cleave
