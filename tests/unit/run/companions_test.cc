#include "run/companions.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "run/own_process.h"
#include "unit/run/supervisor_fixture.h"

namespace cleave {
namespace {

class CompanionsTest : public SupervisorTest {
 protected:
  void TearDown() override {
    for (const CompanionRecord& companion : started_) {
      if (const auto process = open_process(companion.process)) {
        (void)send_signal_to(*process, SIGKILL);
      }
    }
    SupervisorTest::TearDown();
  }
  [[nodiscard]] std::string socket() const { return directory_ + "/tpm.sock"; }
  // Listens after a while, as programs do; says when it is told to end.
  [[nodiscard]] CompanionSpec companion() const {
    return {.name = "stand-in",
            .argv = {"python3", "-c",
                     "import signal,socket,sys,time\n"
                     "def end(*_):\n print('asked to end', flush=True); sys.exit(0)\n"
                     "signal.signal(signal.SIGTERM, end)\n"
                     "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])\n"
                     "time.sleep(0.1)\n"
                     "s.listen(); print('it listens', flush=True)\n"
                     "while True: signal.pause()\n",
                     socket()},
            .socket = socket()};
  }
  [[nodiscard]] LaunchSpec with(CompanionSpec companion) const {
    LaunchSpec launch = qemu();
    launch.companions = {std::move(companion)};
    return launch;
  }
  // A VM with the stand-in; its supervisor is on its own.
  void start_one() {
    Result<Supervisor> supervisor = Supervisor::start(spec());
    ASSERT_TRUE(supervisor.has_value()) << english(supervisor.error());
    const auto launched = supervisor->launch(with(companion()));
    ASSERT_TRUE(launched.has_value()) << english(launched.error());
    launched_ = *launched;
    started_ = state().companions;
    ASSERT_EQ(started_.size(), 1U);
  }
  [[nodiscard]] std::string log() const {
    std::ifstream file(directory_ + "/qemu.log");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void kill(const ProcessIdentity& identity) const {
    const auto process = open_process(identity);
    ASSERT_TRUE(process.has_value());
    (void)send_signal_to(*process, SIGKILL);
    ASSERT_TRUE(ends_soon(identity));
  }
  LaunchedVm launched_;
  std::vector<CompanionRecord> started_;
};

TEST_F(CompanionsTest, ListenBeforeQemuStartsAndEndAfterIt) {
  start_one();
  EXPECT_EQ(started_.front().name, "stand-in");
  EXPECT_TRUE(alive(started_.front().process));
  EXPECT_LE(started_.front().process.start_time, launched_.qemu.start_time);
  EXPECT_NE(log().find("it listens"), std::string::npos);
  ASSERT_TRUE(order("quit").has_value());
  ASSERT_TRUE(ends_soon(launched_.supervisor));
  EXPECT_FALSE(alive(started_.front().process));
  EXPECT_TRUE(state().companions.empty());
  EXPECT_TRUE(state().end->lost_companions.empty());
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(CompanionsTest, CostNoWakeUps) {
  start_one();
  std::this_thread::sleep_for(milliseconds(200));
  const std::string before = switches(launched_.supervisor.process_id);
  std::this_thread::sleep_for(seconds(1));
  EXPECT_EQ(switches(launched_.supervisor.process_id), before);
}

TEST_F(CompanionsTest, OneThatIsKilledIsNamedWhileTheVmRunsAndAtItsEnd) {
  start_one();
  kill(started_.front().process);
  ASSERT_TRUE(becomes_true([&] { return !state().lost_companions.empty(); }, seconds(1)));
  const LostCompanion expected{.name = "stand-in", .exit_status = 0, .signal = SIGKILL};
  EXPECT_EQ(state().lost_companions, std::vector<LostCompanion>{expected});
  EXPECT_TRUE(alive(launched_.qemu));
  ASSERT_TRUE(order("quit").has_value());
  ASSERT_TRUE(ends_soon(launched_.supervisor));
  EXPECT_EQ(state().end->kind, VmEndKind::HostRequest);
  EXPECT_EQ(state().end->lost_companions, std::vector<LostCompanion>{expected});
}

TEST_F(CompanionsTest, OneThatDoesNotStartEndsTheStartWithItsWords) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor.has_value());
  ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
  const auto launched = supervisor->launch(
      with({.name = "swtpm", .argv = {"sh", "-c", "echo no room; exit 3"}, .socket = socket()}));
  ASSERT_FALSE(launched.has_value());
  const std::string text = english(launched.error());
  EXPECT_NE(text.find("swtpm"), std::string::npos) << text;
  EXPECT_NE(text.find("exit status 3"), std::string::npos) << text;
  EXPECT_NE(text.find("no room"), std::string::npos) << text;
  expect_nothing_left();
}

TEST_F(CompanionsTest, AMissingProgramEndsTheStart) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor.has_value());
  const auto launched =
      supervisor->launch(with({.name = "swtpm", .argv = {"/opt/no/swtpm"}, .socket = socket()}));
  ASSERT_FALSE(launched.has_value());
  EXPECT_EQ(launched.error().code, ErrorCode::NotFound);
  EXPECT_EQ(state().phase, VmPhase::Ended);
}

TEST_F(CompanionsTest, AFailedQemuTakesThemWithIt) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor.has_value());
  LaunchSpec launch = with(companion());
  launch.argv.insert(launch.argv.end(), {"-device", "no-such-device"});
  ASSERT_FALSE(supervisor->launch(launch).has_value());
  EXPECT_TRUE(becomes_true([&] { return log().find("asked to end") != std::string::npos; }));
  EXPECT_TRUE(state().companions.empty());
}

TEST_F(CompanionsTest, OutliveTheirSupervisorWithQemuAndAreEndedByTheNextLook) {
  start_one();
  kill(launched_.supervisor);
  EXPECT_EQ(observe_vm(directory_)->status, VmStatus::Unsupervised);
  EXPECT_TRUE(alive(started_.front().process)) << "QEMU still needs it";
  kill(launched_.qemu);
  EXPECT_TRUE(alive(started_.front().process));
  const auto seen = observe_vm(directory_);
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->status, VmStatus::Ended);
  ASSERT_FALSE(seen->cleaned.empty());
  EXPECT_NE(english(seen->cleaned.front()).find("stand-in"), std::string::npos);
  EXPECT_TRUE(ends_soon(started_.front().process));
  EXPECT_FALSE(std::filesystem::exists(socket()));
  EXPECT_TRUE(observe_vm(directory_)->cleaned.empty()) << "once";
}

// A number that another process has by now.
TEST(OwnProcess, AnotherProcessOfThatNumberIsLeftAlone) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  auto identity = identify_process(static_cast<std::uint32_t>(child));
  ASSERT_TRUE(identity.has_value());
  const ProcessIdentity earlier{.process_id = identity->process_id,
                                .start_time = identity->start_time - 1};
  EXPECT_TRUE(end_left_companions({{.name = "swtpm", .process = earlier}}).empty());
  EXPECT_TRUE(alive(*identity));
  EXPECT_EQ(end_left_companions({{.name = "swtpm", .process = *identity}}).size(), 1U);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(alive(*identity));
}

// A user's state.json must not make root send signals to what is not that user's.
TEST(OwnProcess, RootActingAsAUserTouchesNoOthersProcess) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  const pid_t child = ::fork();  // root's
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const auto identity = identify_process(static_cast<std::uint32_t>(child));
  {
    const auto acting = ActingAs::begin({.user = 65534, .group = 65534});
    ASSERT_TRUE(acting.has_value());
    EXPECT_EQ(open_own_process(*identity).error().code, ErrorCode::Denied);
    EXPECT_TRUE(end_left_companions({{.name = "swtpm", .process = *identity}}).empty());
  }
  EXPECT_TRUE(alive(*identity));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace cleave
