#include "app/vm.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "host/file_host.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

bool has(const std::vector<VmProblem>& problems, std::string_view id) {
  return std::ranges::any_of(problems, [&](const VmProblem& each) { return each.id == id; });
}

VmEnvironment environment_of(const std::string& base) {
  VmEnvironment environment;
  environment.owner = {.uid = ::geteuid() == 0 ? 65534U : ::geteuid(),
                       .gid = ::geteuid() == 0 ? 65534U : ::getegid(),
                       .name = "mina",
                       .home = "/home/mina",
                       .groups = {}};
  environment.is_root = ::geteuid() == 0;
  environment.home = "/home/mina";
  environment.runtime_home = base;
  environment.system_runtime_base = base + "/cleave";
  environment.user_runtime_base = base + "/none";
  return environment;
}

TEST(VmPlaces, TheUsersDefinitionHidesTheSystems) {
  MemoryHost host;
  host.add_file("/etc/cleave/vms/demo.toml", "");
  const VmEnvironment environment = environment_of("/run");
  EXPECT_EQ(*find_definition(host, environment, "demo"), "/etc/cleave/vms/demo.toml");
  host.add_file("/home/mina/.config/cleave/vms/demo.toml", "");
  EXPECT_EQ(*find_definition(host, environment, "demo"), "/home/mina/.config/cleave/vms/demo.toml");
  host.add_file("/tmp/other.toml", "");
  EXPECT_EQ(*find_definition(host, environment, "/tmp/other.toml"), "/tmp/other.toml");
  EXPECT_EQ(find_definition(host, environment, "/tmp/none.toml").error().code, ErrorCode::NotFound);
  const auto absent = find_definition(host, environment, "nothing");
  EXPECT_EQ(absent.error().code, ErrorCode::NotFound);
  EXPECT_FALSE(absent.error().remedy.empty());
  EXPECT_EQ(find_definition(host, environment, "..").error().code, ErrorCode::Malformed);
}

TEST(VmPlaces, WhatIsNotDefinedIsToldWithWhatIs) {
  MemoryHost host;
  const VmEnvironment environment = environment_of("/run");
  const auto remedy = [&](const char* name) {
    return english(find_definition(host, environment, name).error().remedy);
  };
  EXPECT_EQ(remedy("office"), "`cleave vm new office` makes one.");
  host.add_file("/etc/cleave/vms/windows.toml", "");
  host.add_file("/home/mina/.config/cleave/vms/games.toml", "");
  host.add_file("/home/mina/.config/cleave/vms/games.toml.orig", "");
  EXPECT_EQ(remedy("office"),
            "There are: games, windows. `cleave vm new office` makes one of that name.");
  EXPECT_EQ(remedy("gamse"), "Did you mean “games”?");
}

TEST(VmPlaces, AnUnreadableDirectoryIsNoAbsence) {
  MemoryHost host;
  host.add_unreadable("/home/mina/.config/cleave/vms/demo.toml", EACCES);
  host.add_file("/etc/cleave/vms/demo.toml", "");
  EXPECT_EQ(find_definition(host, environment_of("/run"), "demo").error().code, ErrorCode::Denied);
}

TEST(VmPlaces, RuntimeDirectoryFollowsTheOwner) {
  VmEnvironment environment = environment_of("/x");
  environment.is_root = false;
  EXPECT_EQ(runtime_directory(environment, "demo"), "/x/cleave/demo");
  environment.is_root = true;
  environment.system_runtime_base = "/run/cleave";
  EXPECT_EQ(runtime_directory(environment, "demo"), "/run/cleave/demo");
  environment.by_sudo = true;
  environment.user_runtime_base = "/";  // "//65534" is not there: not logged in
  EXPECT_EQ(runtime_directory(environment, "demo"), "/run/cleave/demo");
}

// A machine with everything that the VM of vm() needs.
MemoryHost good_machine() {
  MemoryHost host;
  host.add_file("/proc/cpuinfo", "flags\t: fpu vmx sse\n");
  host.add_device("/dev/kvm", 0666, 10, 232);
  host.add_device("/dev/dri/renderD128", 0666, 226, 128);
  host.add_file("/opt/qemu", "", 0755);
  host.add_file("/vm/disk.img", "", 0666);
  host.add_file("/vm/kernel", "");
  return host;
}

Vm vm() {
  Vm wanted;
  wanted.name = "demo";
  wanted.qemu = "/opt/qemu";
  wanted.accelerator = "kvm";
  wanted.kernel = "/vm/kernel";
  wanted.display = "egl-headless";
  wanted.render_node = "/dev/dri/renderD128";
  wanted.disks.emplace_back().file = "/vm/disk.img";
  return wanted;
}

std::vector<VmProblem> problems_of(const MemoryHost& host, const Vm& wanted) {
  const auto problems = check_machine(host, environment_of("/run"), wanted, false);
  EXPECT_TRUE(problems.has_value());
  return problems.has_value() ? *problems : std::vector<VmProblem>();
}

TEST(VmCheck, AGoodMachineHasNoProblem) { EXPECT_TRUE(problems_of(good_machine(), vm()).empty()); }

TEST(VmCheck, WhateverIsMissingIsNamed) {
  for (const auto& [path, id] : std::vector<std::pair<std::string, std::string>>{
           {"/opt/qemu", "qemu.missing"},
           {"/vm/disk.img", "disk.missing"},
           {"/vm/kernel", "kernel.missing"},
           {"/dev/kvm", "kvm.missing"},
           {"/dev/dri/renderD128", "render_node.missing"}}) {
    MemoryHost host = good_machine();
    host.forget(path);
    const auto problems = problems_of(host, vm());
    ASSERT_EQ(problems.size(), 1U) << path;
    EXPECT_EQ(problems.front().id, id);
  }
}

TEST(VmCheck, KvmOnACpuWithoutItIsNotBelieved) {
  MemoryHost host = good_machine();
  host.add_file("/proc/cpuinfo", "flags\t: fpu sse\nvmx flags\n");
  EXPECT_TRUE(problems_of(host, vm()).empty()) << "vmx is a word of it";
  host.add_file("/proc/cpuinfo", "flags\t: fpu sse\n");
  const auto problems = problems_of(host, vm());
  ASSERT_TRUE(has(problems, "kvm.no_extension"));
  EXPECT_NE(english(problems.front().remedy).find("accelerator = \"tcg\""), std::string::npos);
  Vm slow = vm();
  slow.accelerator = "tcg";
  EXPECT_TRUE(problems_of(host, slow).empty());
}

TEST(VmCheck, AWindowNeedsASession) {
  Vm windowed = vm();
  windowed.display = "gtk";
  EXPECT_TRUE(has(problems_of(good_machine(), windowed), "display.none"));
}

// The rest with the real QEMU, in a directory of its own.
class VmTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "skipped: no QEMU";
    base_ = testing::TempDir() + "cleave-vm-XXXXXX";
    ASSERT_NE(::mkdtemp(base_.data()), nullptr);
    ASSERT_EQ(::chmod(base_.c_str(), 0755), 0);
    environment_ = environment_of(base_);
  }
  void TearDown() override {
    if (base_.empty()) return;
    (void)kill_vm(*host_, environment_, "demo");
    // The supervisor of a VM that did not start may still be writing down why.
    std::error_code error;
    for (int i = 0; i < 500 && std::filesystem::exists(base_); ++i) {
      std::filesystem::remove_all(base_, error);
      std::this_thread::sleep_for(milliseconds(10));
    }
    EXPECT_FALSE(std::filesystem::exists(base_)) << error.message();
  }
  Result<StartedVm> start(const std::string& more = "") {
    const std::string file = base_ + "/demo.toml";
    std::ofstream(file) << "accelerator = \"tcg\"\nmemory = \"64M\"\n"
                        << more << "[display]\ntype = \"none\"\n";
    const Vm wanted = TRY(load_good_vm(*host_, environment_, file));
    return start_vm(*host_, environment_, {.vm = wanted, .definition = file});
  }
  void expect_nothing_left() {
    const auto report = vm_status(environment_, "demo", false);
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->seen.status, VmStatus::Ended);
    EXPECT_FALSE(std::filesystem::exists(report->runtime_directory + "/qmp.sock"));
    if (report->seen.state.qemu) {
      EXPECT_FALSE(identify_process(report->seen.state.qemu->process_id).has_value());
    }
  }
  std::string base_;
  VmEnvironment environment_;
  std::unique_ptr<HostWriter> host_ = live_host();
};

TEST_F(VmTest, StartsShowsItsScreenAndStops) {
  const auto started = start();
  ASSERT_TRUE(started.has_value()) << english(started.error());
  const auto running = vm_status(environment_, "demo", true);
  EXPECT_EQ(running->seen.status, VmStatus::Running);
  EXPECT_EQ(running->guest_status, "running");
  const std::string picture = base_ + "/screen.png";
  const auto saved = save_screenshot(*host_, environment_, "demo", picture);
  ASSERT_TRUE(saved.has_value()) << english(saved.error());
  EXPECT_GT(saved->width, 0U);
  std::ifstream file(picture);
  std::string magic(4, ' ');
  file.read(magic.data(), 4);
  EXPECT_EQ(magic, "\x89PNG");
  const auto full = save_screenshot(*host_, environment_, "demo", "/dev/full");
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().error_number, ENOSPC);
  EXPECT_FALSE(std::filesystem::exists(started->runtime_directory + "/screen.ppm"));
  // Firmware without an operating system does not answer the power button.
  const auto stopped = stop_vm(*host_, environment_, "demo", milliseconds(200));
  ASSERT_TRUE(stopped.has_value()) << english(stopped.error());
  EXPECT_EQ(stopped->means, StopMeans::Quit);
  EXPECT_EQ(stopped->after.seen.state.end->kind, VmEndKind::HostRequest);
  expect_nothing_left();
  EXPECT_EQ(stop_vm(*host_, environment_, "demo", seconds(1)).error().code, ErrorCode::NotFound);
}

TEST_F(VmTest, KillEndsItAtOnce) {
  ASSERT_TRUE(start().has_value());
  EXPECT_EQ(start().error().code, ErrorCode::Conflict);
  const auto killed = kill_vm(*host_, environment_, "demo");
  ASSERT_TRUE(killed.has_value()) << english(killed.error());
  EXPECT_EQ(killed->after.seen.state.end->signal, SIGKILL);
  expect_nothing_left();
}

TEST_F(VmTest, AMissingDiskIsAClearError) {
  const auto refused = start("[[disk]]\nfile = \"" + base_ + "/none.qcow2\"\n");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::NotFound);
  EXPECT_NE(english(refused.error()).find("none.qcow2"), std::string::npos);
  EXPECT_FALSE(refused.error().remedy.empty());
}

TEST_F(VmTest, WhatQemuRefusesIsShownInItsOwnWords) {
  const auto refused = start("extra_arguments = [\"-device\", \"no-such-device\"]\n");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(english(refused.error()).find("no-such-device"), std::string::npos)
      << english(refused.error());
  expect_nothing_left();
}

TEST_F(VmTest, AVgpuThatCannotBeIsAnErrorAndNothingRuns) {
  const auto refused =
      start("[gpu]\nway = \"gvt-g\"\nuuid = \"5ab0c7a1-0000-5000-8000-000000000001\"\n");
  ASSERT_FALSE(refused.has_value());
  EXPECT_FALSE(refused.error().message.empty());
}

TEST_F(VmTest, QemuIsNeverRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  const auto started = start();
  ASSERT_TRUE(started.has_value()) << english(started.error());
  struct stat status{};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(started->qemu.process_id)).c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65534U);
}

}  // namespace
}  // namespace cleave
