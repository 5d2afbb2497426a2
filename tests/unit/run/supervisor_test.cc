#include "run/supervisor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "unit/run/supervisor_fixture.h"

namespace cleave {
namespace {

TEST_F(SupervisorTest, StartsAndTellsTheEnd) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor.has_value()) << english(supervisor.error());
  ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
  EXPECT_EQ(state().phase, VmPhase::Starting);
  const auto launched = supervisor->launch(qemu());
  ASSERT_TRUE(launched.has_value()) << english(launched.error());
  EXPECT_TRUE(alive(launched->qemu));
  EXPECT_EQ(observe_vm(directory_)->status, VmStatus::Running);
  EXPECT_EQ(removed(), "");
  ASSERT_TRUE(order("quit").has_value());
  const auto end = supervisor->wait(seconds(20));
  ASSERT_TRUE(end.has_value() && end->has_value());
  EXPECT_EQ((**end).kind, VmEndKind::HostRequest);
  EXPECT_EQ((**end).shutdown_reason, "host-qmp-quit");
  expect_nothing_left();
  EXPECT_TRUE(ends_soon(launched->supervisor));
}

TEST_F(SupervisorTest, OutlivesItsStarter) {
  std::optional<LaunchedVm> launched;
  {
    Result<Supervisor> supervisor = Supervisor::start(spec());
    ASSERT_TRUE(supervisor.has_value());
    ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
    launched = *supervisor->launch(qemu());
  }
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_TRUE(alive(launched->qemu));
  EXPECT_TRUE(alive(launched->supervisor));
  const auto process = open_process(launched->qemu);
  ASSERT_TRUE(send_signal_to(*process, SIGKILL).has_value());
  EXPECT_TRUE(ends_soon(launched->supervisor));
  expect_nothing_left();
  EXPECT_EQ(state().end->kind, VmEndKind::Killed);
  EXPECT_EQ(state().end->signal, SIGKILL);
}

// Whatever numbers the channel gets: daemons start programs with 0, 1 or 2 closed.
TEST_F(SupervisorTest, StartsFromAProcessWithAnyDescriptorsClosed) {
  for (int open_ones = 0; open_ones < 4; ++open_ones) {
    const pid_t starter = ::fork();
    ASSERT_GE(starter, 0);
    if (starter == 0) {
      ::close_range(0, ~0U, 0);
      for (int i = 0; i < open_ones; ++i) (void)::open("/dev/null", O_RDWR | O_CLOEXEC);
      ::_exit(Supervisor::start(spec()).has_value() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(starter, &status, 0), starter);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << open_ones;
    EXPECT_TRUE(ends_soon(*state().supervisor));
  }
}

TEST_F(SupervisorTest, RefusedOptionShowsQemusOwnWords) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor.has_value());
  ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
  const auto launched = supervisor->launch(qemu({"-device", "no-such-device"}));
  ASSERT_FALSE(launched.has_value());
  EXPECT_NE(english(launched.error()).find("'no-such-device' is not a valid device model name"),
            std::string::npos)
      << english(launched.error());
  EXPECT_FALSE(launched.error().remedy.empty());
  expect_nothing_left();
  EXPECT_EQ(state().end->kind, VmEndKind::NeverRan);
  EXPECT_EQ(state().end->exit_status, 1);
}

TEST_F(SupervisorTest, MissingQemuIsNamed) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor.has_value());
  ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
  const auto launched = supervisor->launch({.argv = {"/opt/no/qemu-system-x86_64"}});
  ASSERT_FALSE(launched.has_value());
  EXPECT_EQ(launched.error().code, ErrorCode::NotFound);
  EXPECT_NE(english(launched.error()).find("/opt/no/qemu-system-x86_64"), std::string::npos);
  expect_nothing_left();
}

TEST_F(SupervisorTest, AProgramThatNeverAnswersIsEnded) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor.has_value());
  ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
  // Takes QEMU's arguments as its own and prints more than a pipe holds before it falls silent.
  const auto launched = supervisor->launch(
      {.argv = {"sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; echo; echo waiting; sleep 60"},
       .limit = milliseconds(500)});
  ASSERT_FALSE(launched.has_value());
  EXPECT_EQ(launched.error().error_number, ETIMEDOUT);
  EXPECT_NE(english(launched.error()).find("waiting"), std::string::npos);
  EXPECT_FALSE(alive(*state().qemu));
  EXPECT_LE(std::filesystem::file_size(directory_ + "/qemu.log"), 64U * 1024U);
  expect_nothing_left();
}

TEST_F(SupervisorTest, ASecondStartIsAConflictThatNamesTheProcess) {
  Result<Supervisor> first = Supervisor::start(spec());
  ASSERT_TRUE(first.has_value());
  const auto launched = first->launch(qemu());
  ASSERT_TRUE(launched.has_value());
  const auto second = Supervisor::start(spec());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::Conflict);
  EXPECT_NE(english(second.error()).find(std::to_string(launched->qemu.process_id)),
            std::string::npos);
  EXPECT_TRUE(alive(launched->qemu));
  ASSERT_TRUE(order("quit").has_value());
  EXPECT_TRUE(ends_soon(launched->supervisor));
}

TEST_F(SupervisorTest, AKilledSupervisorLeavesAVmThatCanBeEndedAndClearedAway) {
  std::optional<LaunchedVm> launched;
  {
    Result<Supervisor> supervisor = Supervisor::start(spec());
    ASSERT_TRUE(supervisor.has_value());
    ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
    launched = *supervisor->launch(qemu());
  }
  const auto process = open_process(launched->supervisor);
  ASSERT_TRUE(send_signal_to(*process, SIGKILL).has_value());
  ASSERT_TRUE(ends_soon(launched->supervisor));
  EXPECT_TRUE(alive(launched->qemu));
  EXPECT_EQ(observe_vm(directory_)->status, VmStatus::Unsupervised);
  EXPECT_EQ(Supervisor::start(spec()).error().code, ErrorCode::Conflict);
  // The monitor still answers.
  ASSERT_TRUE(order("query-status").has_value());
  ASSERT_TRUE(order("quit").has_value());
  ASSERT_TRUE(ends_soon(launched->qemu));
  const auto seen = observe_vm(directory_);
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->status, VmStatus::Ended);
  EXPECT_FALSE(seen->cleaned.empty());
  expect_nothing_left();
}

TEST_F(SupervisorTest, AStartAfterACrashOfEverythingClearsAwayFirst) {
  std::optional<LaunchedVm> launched;
  {
    Result<Supervisor> supervisor = Supervisor::start(spec());
    ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
    launched = *supervisor->launch(qemu());
  }
  (void)send_signal_to(*open_process(launched->supervisor), SIGKILL);
  ASSERT_TRUE(ends_soon(launched->supervisor));
  (void)send_signal_to(*open_process(launched->qemu), SIGKILL);
  ASSERT_TRUE(ends_soon(launched->qemu));
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/qmp.sock"));
  Result<Supervisor> again = Supervisor::start(spec());
  ASSERT_TRUE(again.has_value()) << english(again.error());
  EXPECT_FALSE(again->cleaned().empty());
  EXPECT_EQ(removed(), "1");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/qmp.sock"));
}

TEST_F(SupervisorTest, AStarterThatIsKilledLeavesNothing) {
  // Before, while and after QEMU starts: at whatever moment the starter is killed, either the VM
  // runs and is supervised, or there is nothing.
  for (const int delay_ms : {0, 1, 3, 10, 30, 60}) {
    std::ofstream(base_ + "/vgpu/remove");
    const pid_t starter = ::fork();
    if (starter == 0) {
      Result<Supervisor> supervisor = Supervisor::start(spec());
      if (supervisor && supervisor->announce(vgpu())) (void)supervisor->launch(qemu());
      ::pause();
    }
    std::this_thread::sleep_for(milliseconds(delay_ms));
    ::kill(starter, SIGKILL);
    ::waitpid(starter, nullptr, 0);
    std::this_thread::sleep_for(milliseconds(300));
    const auto seen = observe_vm(directory_);
    ASSERT_TRUE(seen.has_value()) << english(seen.error());
    if (seen->status == VmStatus::Running) {
      EXPECT_TRUE(alive(*seen->state.qemu));
      ASSERT_TRUE(order("quit").has_value());
      ASSERT_TRUE(ends_soon(*seen->state.supervisor));
    } else if (seen->status != VmStatus::NeverStarted) {
      EXPECT_EQ(seen->status, VmStatus::Ended) << delay_ms;
      if (seen->state.qemu) {
        EXPECT_FALSE(alive(*seen->state.qemu));
      }
    }
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/qmp.sock"));
    if (seen->state.vgpu) {
      EXPECT_EQ(removed(), "1");
    }
    std::filesystem::remove_all(directory_);
  }
}

TEST_F(SupervisorTest, SigtermEndsTheGuestInGoodOrder) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  const auto launched = supervisor->launch(qemu());
  ASSERT_TRUE(launched.has_value());
  ASSERT_TRUE(send_signal_to(*open_process(launched->supervisor), SIGTERM).has_value());
  const auto end = supervisor->wait(seconds(20));
  ASSERT_TRUE(end.has_value() && end->has_value());
  EXPECT_EQ((**end).kind, VmEndKind::HostRequest);
  EXPECT_EQ((**end).shutdown_reason, "host-signal");
}

TEST_F(SupervisorTest, SleepsAndStaysSmall) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  const auto launched = supervisor->launch(qemu());
  ASSERT_TRUE(launched.has_value());
  std::this_thread::sleep_for(milliseconds(300));
  const std::uint32_t process = launched->supervisor.process_id;
  const std::string before = switches(process);
  std::this_thread::sleep_for(seconds(1));
  EXPECT_EQ(switches(process), before);
#if !defined(__SANITIZE_ADDRESS__)
  const std::uint64_t kibibytes = private_memory(process);
  EXPECT_GT(kibibytes, 0U);
  EXPECT_LE(kibibytes, 4096U);
#endif
}

TEST_F(SupervisorTest, RunsQemuAsTheVmsUserOnly) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  constexpr uid_t kNobody = 65534;
  SupervisorSpec as_nobody = spec();
  as_nobody.credentials = Credentials{.user = kNobody, .group = kNobody};
  as_nobody.memory_lock = 8U << 20U;
  ASSERT_EQ(::chmod(base_.c_str(), 0755), 0);
  std::filesystem::create_directories(directory_);
  ASSERT_EQ(::chmod(directory_.c_str(), 0700), 0);
  ASSERT_EQ(::chown(directory_.c_str(), kNobody, kNobody), 0);
  Result<Supervisor> supervisor = Supervisor::start(as_nobody);
  ASSERT_TRUE(supervisor.has_value()) << english(supervisor.error());
  const auto launched = supervisor->launch(qemu());
  ASSERT_TRUE(launched.has_value()) << english(launched.error());
  for (const std::uint32_t process : {launched->qemu.process_id, launched->supervisor.process_id}) {
    struct stat status{};
    ASSERT_EQ(::stat(("/proc/" + std::to_string(process)).c_str(), &status), 0);
    std::ifstream file("/proc/" + std::to_string(process) + "/status");
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    EXPECT_NE(all.find("Uid:\t65534\t65534\t65534\t65534"), std::string::npos);
    EXPECT_NE(all.find("CapEff:\t0000000000000000"), std::string::npos);
    EXPECT_NE(all.find("CapBnd:\t0000000000000000"), std::string::npos);
    EXPECT_NE(all.find("Groups:\t \n"), std::string::npos) << all;
    std::ifstream limits("/proc/" + std::to_string(process) + "/limits");
    const std::string text{std::istreambuf_iterator<char>(limits), {}};
    EXPECT_NE(text.find("Max locked memory         8388608              8388608"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace cleave
