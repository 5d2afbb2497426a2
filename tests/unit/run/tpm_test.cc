// The real swtpm beside the real QEMU: whoever is killed, nothing is left.
#include <sys/stat.h>

#include "unit/run/supervisor_fixture.h"

namespace cleave {
namespace {

class TpmTest : public SupervisorTest {
 protected:
  void SetUp() override {
    SupervisorTest::SetUp();
    if (IsSkipped()) return;
    if (::access("/usr/bin/swtpm", X_OK) != 0) GTEST_SKIP() << "skipped: no swtpm";
    std::filesystem::create_directories(base_ + "/tpm");
  }
  void start_one() {
    const std::string socket = directory_ + "/tpm.sock";
    LaunchSpec launch;
    launch.argv = {"qemu-system-x86_64",
                   "-nodefaults",
                   "-machine",
                   "q35,accel=tcg",
                   "-m",
                   "32",
                   "-display",
                   "none",
                   "-S",
                   "-qmp",
                   "unix:" + directory_ + "/qmp.sock,server=on,wait=off",
                   "-chardev",
                   "socket,id=tpm,path=" + socket,
                   "-tpmdev",
                   "emulator,id=tpm0,chardev=tpm",
                   "-device",
                   "tpm-crb,tpmdev=tpm0"};
    launch.companions = {{.name = "swtpm",
                          .argv = {"/usr/bin/swtpm", "socket", "--tpm2", "--tpmstate",
                                   "dir=" + base_ + "/tpm,mode=0600", "--ctrl",
                                   "type=unixio,path=" + socket + ",mode=0600", "--terminate"},
                          .socket = socket}};
    Result<Supervisor> supervisor = Supervisor::start(spec());
    ASSERT_TRUE(supervisor.has_value()) << english(supervisor.error());
    const auto launched = supervisor->launch(launch);
    ASSERT_TRUE(launched.has_value()) << english(launched.error());
    launched_ = *launched;
    ASSERT_EQ(state().companions.size(), 1U);
    swtpm_ = state().companions.front().process;
  }
  void kill(const ProcessIdentity& identity) const {
    const auto process = open_process(identity);
    if (process) (void)send_signal_to(*process, SIGKILL);
    ASSERT_TRUE(ends_soon(identity));
  }
  void expect_all_gone() {
    EXPECT_TRUE(ends_soon(launched_.supervisor));
    EXPECT_EQ(observe_vm(directory_)->status, VmStatus::Ended);
    EXPECT_TRUE(ends_soon(swtpm_));
    EXPECT_FALSE(alive(launched_.qemu));
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/tpm.sock"));
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/qmp.sock"));
  }
  LaunchedVm launched_;
  ProcessIdentity swtpm_;
};

TEST_F(TpmTest, QemuHasItsTpm) {
  start_one();
  QmpClient client = *QmpClient::connect(directory_ + "/qmp.sock", seconds(20));
  const auto tpms = client.execute("query-tpm");
  ASSERT_TRUE(tpms.has_value()) << english(tpms.error());
  ASSERT_NE(tpms->as_array(), nullptr);
  ASSERT_EQ(tpms->as_array()->size(), 1U);
  EXPECT_EQ(tpms->as_array()->front().text_of("model"), "tpm-crb");
  ASSERT_TRUE(client.execute("quit").has_value());
  expect_all_gone();
  EXPECT_TRUE(state().end->lost_companions.empty());
  struct stat kept{};
  ASSERT_EQ(::stat((base_ + "/tpm/tpm2-00.permall").c_str(), &kept), 0) << "its state";
  EXPECT_EQ(kept.st_mode & 0777U, 0600U);
}

TEST_F(TpmTest, AKilledSwtpmIsToldAndQemuRunsOn) {
  start_one();
  kill(swtpm_);
  ASSERT_TRUE(becomes_true([&] { return !state().lost_companions.empty(); }, seconds(1)));
  EXPECT_TRUE(alive(launched_.qemu));
  ASSERT_TRUE(order("query-status").has_value());
  ASSERT_TRUE(order("quit").has_value());
  expect_all_gone();
  ASSERT_EQ(state().end->lost_companions.size(), 1U);
}

TEST_F(TpmTest, AKilledQemuLeavesNothing) {
  start_one();
  kill(launched_.qemu);
  expect_all_gone();
  EXPECT_EQ(state().end->kind, VmEndKind::Killed);
  EXPECT_TRUE(state().end->lost_companions.empty()) << "it ended because QEMU did";
}

TEST_F(TpmTest, AKilledSupervisorLeavesNothingOnceQemuHasEnded) {
  start_one();
  kill(launched_.supervisor);
  EXPECT_TRUE(alive(swtpm_));
  EXPECT_EQ(observe_vm(directory_)->status, VmStatus::Unsupervised);
  ASSERT_TRUE(order("quit").has_value());
  ASSERT_TRUE(ends_soon(launched_.qemu));
  expect_all_gone();
}

TEST_F(TpmTest, AllKilledAtOnceLeaveNothing) {
  start_one();
  kill(launched_.supervisor);
  kill(launched_.qemu);
  expect_all_gone();
  EXPECT_EQ(state().end->kind, VmEndKind::Unknown);
}

}  // namespace
}  // namespace cleave
