// Going to sleep and waking up: which VMs there are and what happens to them, with the real QEMU;
// vGPUs on a kernel that does not bear them, in memory.
#include "app/sleep.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>

#include "app/units.h"
#include "app/vgpu.h"
#include "app/vgpu_definition.h"
#include "host/file_host.h"
#include "run/qmp.h"
#include "run/supervisor.h"
#include "unit/app/vgpu_laptop.h"

namespace cleave {
namespace {

using testing::kOtherUuid;
using testing::kSmall;
using testing::kUuid;
using namespace std::chrono_literals;

std::string names_of(const SleepReport& report) {
  std::string all;
  for (const SleepStep& step : report.steps) {
    all += (step.vm.empty() ? step.vgpu : step.vm) + ":" + sleep_done_name(step.done) + " ";
  }
  return all;
}

// VMs of the user who runs the test (root's tests have nobody's), whose guests have no program:
// they hear no power button.
class SleepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "skipped: no QEMU";
    base_ = ::testing::TempDir() + "cleave-sleep-XXXXXX";
    ASSERT_NE(::mkdtemp(base_.data()), nullptr);
    ::chmod(base_.c_str(), 0755);
    places_ = {.of_users = base_ + "/users", .of_system = base_ + "/system"};
    std::filesystem::create_directories(places_.of_system);
    if (::geteuid() == 0) user_ = {.user = 65534, .group = 65534};
  }
  void TearDown() override {
    for (const ProcessIdentity& each : started_) {
      const auto process = open_process(each);
      if (!process) continue;
      (void)send_signal_to(*process, SIGKILL);
      (void)wait_for_end(*process, 20s);
    }
    if (!base_.empty()) std::filesystem::remove_all(base_);
  }

  std::string directory(const std::string& name) const { return places_.of_system + "/" + name; }

  void start(const std::string& name, const std::string& on_suspend) {
    std::filesystem::create_directories(directory(name));
    ::chmod(directory(name).c_str(), 0700);
    SupervisorSpec spec{.vm_name = name, .definition = "", .runtime_directory = directory(name)};
    if (user_) {
      ASSERT_EQ(::chown(directory(name).c_str(), user_->user, user_->group), 0);
      spec.credentials = user_;
    }
    spec.on_suspend = on_suspend;
    Result<Supervisor> supervisor = Supervisor::start(spec);
    ASSERT_TRUE(supervisor) << english(supervisor.error());
    const auto launched = supervisor->launch(
        {.argv = {"qemu-system-x86_64", "-machine", "none", "-display", "none", "-nodefaults",
                  "-qmp", "unix:" + directory(name) + "/qmp.sock,server=on,wait=off"}});
    ASSERT_TRUE(launched) << english(launched.error());
    started_.push_back(launched->qemu);
    started_.push_back(launched->supervisor);
  }

  std::string guest(const std::string& name) const {
    auto monitor = QmpClient::connect(directory(name) + "/qmp.sock", 20s);
    if (!monitor) return english(monitor.error());
    const auto status = monitor->execute("query-status");
    return status ? std::string(status->text_of("status")) : english(status.error());
  }

  SleepReport before(std::chrono::milliseconds limit = 300ms) {
    Transactions transactions(*host_, base_ + "/state");
    return before_sleep(*host_, transactions, places_, limit);
  }
  SleepReport after() {
    Transactions transactions(*host_, base_ + "/state");
    return after_sleep(*host_, transactions, places_);
  }

  std::string base_;
  RuntimePlaces places_;
  std::optional<Credentials> user_;
  std::vector<ProcessIdentity> started_;
  std::unique_ptr<HostWriter> host_ = live_host();
};

TEST_F(SleepTest, NoVmIsNothingToDo) {
  EXPECT_TRUE(before().steps.empty());
  EXPECT_TRUE(after().steps.empty());
}

TEST_F(SleepTest, OnlyWhatWasPausedIsContinued) {
  start("kept", "");
  start("paused", "pause");
  EXPECT_EQ(names_of(before()), "kept:kept paused:paused ");
  EXPECT_EQ(guest("paused"), "paused");
  EXPECT_EQ(guest("kept"), "running");
  EXPECT_EQ(names_of(before()), "kept:kept paused:kept ") << "twice is once";
  EXPECT_EQ(names_of(after()), "paused:continued ");
  EXPECT_EQ(guest("paused"), "running");
  EXPECT_EQ(names_of(after()), "");
}

TEST_F(SleepTest, OneThatStandsStillByItsOwnersWillStaysSo) {
  start("still", "pause");
  {
    auto monitor = QmpClient::connect(directory("still") + "/qmp.sock", 20s);
    ASSERT_TRUE(monitor && monitor->execute("stop"));
  }
  EXPECT_EQ(names_of(before()), "still:kept ");
  EXPECT_EQ(names_of(after()), "");
  EXPECT_EQ(guest("still"), "paused");
}

TEST_F(SleepTest, VmsOfUsersAreFoundAsThoseUsers) {
  const std::string own = base_ + "/users/" + std::to_string(user_ ? user_->user : ::geteuid());
  std::filesystem::create_directories(own + "/cleave");
  for (const std::string& each : {own, own + "/cleave"}) {
    if (user_) {
      ASSERT_EQ(::chown(each.c_str(), user_->user, user_->group), 0);
    }
  }
  std::filesystem::remove(places_.of_system);
  std::filesystem::create_directory_symlink(own + "/cleave", places_.of_system);
  start("mine", "pause");
  std::filesystem::remove(places_.of_system);
  EXPECT_EQ(names_of(before()), "mine:paused ");
  EXPECT_EQ(names_of(after()), "mine:continued ");
  // What only looks like a user's: a link, and a name that can be no VM's.
  std::filesystem::create_directories(own + "/cleave/.hidden");
  std::filesystem::create_directory_symlink(own, base_ + "/users/0");
  EXPECT_EQ(names_of(before()), "mine:paused ") << "once";
}

TEST_F(SleepTest, ARefusalComesBeforeAnythingIsDone) {
  start("paused", "pause");
  start("precious", "refuse");
  const SleepReport report = before();
  EXPECT_EQ(names_of(report), "precious:refused ");
  EXPECT_TRUE(english(report.steps.front().reason).contains("refuse"));
  EXPECT_EQ(guest("paused"), "running");
}

TEST_F(SleepTest, AGuestThatDoesNotShutDownIsNotEnded) {
  start("deaf", "stop");
  start("paused", "pause");
  EXPECT_EQ(names_of(before()), "deaf:refused ");
  EXPECT_EQ(guest("deaf"), "running");
  EXPECT_EQ(guest("paused"), "running");
  const auto state = read_state(directory("deaf"));
  ASSERT_TRUE(state && *state);
  EXPECT_FALSE(suspend_mark(directory("deaf"), **state)) << "it was not shut down for a suspend";
}

TEST_F(SleepTest, WhatCannotBeUnderstoodIsARefusal) {
  std::filesystem::create_directories(directory("odd"));
  std::ofstream(directory("odd") + "/state.json") << "{";
  if (user_) {
    ASSERT_EQ(::chown(directory("odd").c_str(), user_->user, user_->group), 0);
    EXPECT_EQ(names_of(before()), ":refused ");
  }
}

TEST_F(SleepTest, AMarkOfAnotherRunMeansNothing) {
  start("paused", "pause");
  const auto state = read_state(directory("paused"));
  ASSERT_TRUE(state && *state);
  const SuspendMark mark{.done = SuspendMark::Done::Stopped, .qemu = *(**state).qemu};
  ASSERT_TRUE(write_suspend_mark(directory("paused"), mark));
  EXPECT_EQ(suspend_mark(directory("paused"), **state), mark);
  VmState other = **state;
  other.qemu->start_time += 1;
  EXPECT_FALSE(suspend_mark(directory("paused"), other));
  std::ofstream(directory("paused") + "/suspend.json") << "{}";
  EXPECT_FALSE(suspend_mark(directory("paused"), **state));
}

// --- vGPUs on Linux 5.4

const std::string kDevice = std::string("/sys/bus/mdev/devices/") + kUuid;
const RuntimePlaces kNoVms{.of_users = "/run/user", .of_system = "/run/none"};

MemoryHost old_machine(const char* release = "5.4.0-42-generic\n") {
  MemoryHost host = testing::laptop();
  host.add_file("/proc/sys/kernel/osrelease", release);
  host.add_directory("/run");
  return host;
}

TEST(SleepVgpus, AreRemovedBeforeAndMadeAgainAfterwards) {
  MemoryHost host = old_machine();
  ASSERT_EQ(kSmall.create(host, kUuid), 0);
  Transactions transactions(host);
  const SleepReport before = before_sleep(host, transactions, kNoVms, 1s);
  EXPECT_EQ(names_of(before), std::string(kUuid) + ":removed ");
  EXPECT_FALSE(host.exists(kDevice));
  const SleepReport after = after_sleep(host, transactions, kNoVms);
  EXPECT_EQ(names_of(after), std::string(kUuid) + ":made ");
  EXPECT_TRUE(host.exists(kDevice));
  EXPECT_TRUE(after_sleep(host, transactions, kNoVms).steps.empty()) << "once";
}

TEST(SleepVgpus, StayWhereTheKernelKeepsThem) {
  MemoryHost host = old_machine("5.11.0-16-generic\n");
  ASSERT_EQ(kSmall.create(host, kUuid), 0);
  Transactions transactions(host);
  EXPECT_TRUE(before_sleep(host, transactions, kNoVms, 1s).steps.empty());
  EXPECT_TRUE(host.exists(kDevice));
}

TEST(SleepVgpus, OneThatCannotBeMadeAgainIsTriedAgain) {
  MemoryHost host = old_machine();
  ASSERT_EQ(kSmall.create(host, kUuid), 0);
  Transactions transactions(host);
  ASSERT_FALSE(before_sleep(host, transactions, kNoVms, 1s).has(SleepDone::Refused));
  host.forget("/sys/class/mdev_bus/0000:00:02.0");
  EXPECT_EQ(names_of(after_sleep(host, transactions, kNoVms)), std::string(kUuid) + ":failed ");
  host.add_link("/sys/class/mdev_bus/0000:00:02.0", "../../devices/pci0000:00/0000:00:02.0");
  EXPECT_EQ(names_of(after_sleep(host, transactions, kNoVms)), std::string(kUuid) + ":made ");
}

// --- the unit

TEST(SleepUnit, IsRequiredByTheSleep) {
  MemoryHost host;
  const auto changes = sleep_unit_changes(host, "/usr/bin/cleave");
  ASSERT_TRUE(changes) << english(changes.error());
  ASSERT_EQ(changes->size(), 4U);
  const auto& unit = std::get<WriteFile>(changes->at(1).effect);
  EXPECT_TRUE(unit.content.contains("ConditionFileIsExecutable=/usr/bin/cleave\n"));
  EXPECT_TRUE(unit.content.contains("ExecStart=\"/usr/bin/cleave\" sleep before\n"));
  EXPECT_TRUE(std::get<RunCommand>(changes->front().effect).argv.empty()) << "only when undone";
  host.add_file(unit.path, unit.content);
  const auto& drop_in = std::get<WriteFile>(changes->at(2).effect);
  host.add_file(drop_in.path, drop_in.content);
  EXPECT_TRUE(sleep_unit_changes(host, "/usr/bin/cleave")->empty());
}

}  // namespace
}  // namespace cleave
