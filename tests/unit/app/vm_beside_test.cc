// What a VM has beside QEMU: its companions, its networks; and what is told when QEMU is silent.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "app/vm.h"
#include "app/vm_bridges.h"
#include "app/vm_companions.h"
#include "host/file_host.h"
#include "host/memory_host.h"
#include "run/local_socket.h"
#include "run/own_process.h"

namespace cleave {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<std::string> ids(const std::vector<VmProblem>& problems) {
  std::vector<std::string> all;
  for (const VmProblem& problem : problems) all.push_back(problem.id);
  return all;
}

using Ids = std::vector<std::string>;

VmEnvironment mina() {
  VmEnvironment environment;
  environment.owner = {
      .uid = 1000, .gid = 1000, .name = "mina", .home = "/home/mina", .groups = {}};
  environment.home = "/home/mina";
  environment.runtime_home = "/run/user/1000";
  return environment;
}

Vm with_tpm() {
  Vm vm;
  vm.name = "demo";
  vm.firmware.tpm = true;
  return vm;
}

Vm with_share(const std::string& type) {
  Vm vm;
  vm.name = "demo";
  vm.shares.push_back({.path = "/data", .tag = "data", .type = type});
  return vm;
}

TEST(VmCompanions, ATpmNeedsSwtpm) {
  MemoryHost host;
  EXPECT_EQ(ids(check_companions(host, mina(), with_tpm())), Ids{"tpm.missing"});
  host.add_file("/usr/bin/swtpm", "", 0755);
  EXPECT_EQ(ids(check_companions(host, mina(), with_tpm())), Ids{});
  VmEnvironment odd = mina();
  odd.data_home = "/a,b";
  EXPECT_EQ(ids(check_companions(host, odd, with_tpm())), Ids{"tpm.path"});
  EXPECT_EQ(ids(check_companions(MemoryHost(), mina(), Vm())), Ids{});
}

TEST(VmCompanions, SwtpmKeepsItsStateWithTheVmsOwnFiles) {
  MemoryHost host;
  host.add_file("/usr/bin/swtpm", "", 0755);
  const auto companions = prepare_companions(host, mina(), with_tpm());
  ASSERT_TRUE(companions.has_value()) << english(companions.error());
  ASSERT_EQ(companions->size(), 1U);
  const std::string state = "/home/mina/.local/share/cleave/vms/demo/tpm";
  EXPECT_EQ(
      companions->front(),
      (CompanionSpec{
          .name = "swtpm",
          .argv = {"/usr/bin/swtpm", "socket", "--tpm2", "--tpmstate",
                   "dir=" + state + ",mode=0600", "--ctrl",
                   "type=unixio,path=/run/user/1000/cleave/demo/tpm.sock,mode=0600", "--terminate"},
          .socket = "/run/user/1000/cleave/demo/tpm.sock"}));
  EXPECT_EQ(host.status(state)->mode & 0777U, 0700U);
}

TEST(VmCompanions, AShareOfVirtiofsNeedsTheNewerVirtiofsd) {
  MemoryHost host;
  EXPECT_EQ(ids(check_companions(host, mina(), with_share("9p"))), Ids{});
  EXPECT_EQ(ids(check_companions(host, mina(), with_share("virtiofs"))),
            Ids{"share.virtiofsd_missing"});
  host.add_file("/usr/lib/qemu/virtiofsd", "", 0755);
  const auto old = check_companions(host, mina(), with_share("virtiofs"));
  EXPECT_EQ(ids(old), Ids{"share.virtiofsd_old"});
  EXPECT_NE(english(old.front().remedy).find("\"9p\""), std::string::npos);
  host.add_file("/usr/libexec/virtiofsd", "", 0755);
  EXPECT_EQ(ids(check_companions(host, mina(), with_share("virtiofs"))), Ids{});
  Vm vm = with_share("virtiofs");
  vm.shares.front().read_only = true;
  const auto companions = prepare_companions(host, mina(), vm);
  ASSERT_TRUE(companions.has_value());
  EXPECT_EQ(companions->front().argv,
            (std::vector<std::string>{"/usr/libexec/virtiofsd",
                                      "--socket-path=/run/user/1000/cleave/demo/share0.sock",
                                      "--shared-dir=/data", "--sandbox=namespace", "--readonly"}));
}

TEST(VmCompanions, VirtiofsdHasNoSandboxWhereUsersHaveNoNamespaces) {
  MemoryHost host;
  EXPECT_STREQ(virtiofsd_sandbox(host), "namespace");
  host.add_file("/proc/sys/user/max_user_namespaces", "0\n");
  EXPECT_STREQ(virtiofsd_sandbox(host), "none");
  host.add_file("/proc/sys/user/max_user_namespaces", "15000\n");
  host.add_file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
  EXPECT_STREQ(virtiofsd_sandbox(host), "none");
  host.add_file("/etc/apparmor.d/virtiofsd", "");
  EXPECT_STREQ(virtiofsd_sandbox(host), "namespace");
  host.add_file("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
  EXPECT_STREQ(virtiofsd_sandbox(host), "none");
}

TEST(VmBridges, WhatIsMissingOrNotAllowedIsNamed) {
  MemoryHost host;
  Vm vm;
  EXPECT_EQ(ids(check_bridges(host, vm, true)), Ids{});
  vm.networks.push_back(
      {.type = "bridge", .bridge = "br0", .model = "virtio", .mac = "", .forwards = {}});
  vm.networks.push_back(vm.networks.front());
  EXPECT_EQ(ids(check_bridges(host, vm, true)),
            (Ids{"network.helper_missing", "network.bridge_missing"}));
  host.add_file("/usr/lib/qemu/qemu-bridge-helper", "", 0755);
  host.add_directory("/sys/class/net/br0");
  EXPECT_EQ(ids(check_bridges(host, vm, true)), Ids{"network.bridge_missing"});
  host.add_directory("/sys/class/net/br0/bridge");
  EXPECT_EQ(ids(check_bridges(host, vm, true)), Ids{"network.bridge_denied"}) << "no rules at all";
  const auto with_rules = [&](const char* rules) {
    host.add_file("/etc/qemu/bridge.conf", rules);
    return ids(check_bridges(host, vm, true));
  };
  EXPECT_EQ(with_rules("allow virbr0\n# allow br0\n"), Ids{"network.bridge_denied"});
  EXPECT_EQ(with_rules("allow br0\n"), Ids{});
  EXPECT_EQ(with_rules("allow all\n"), Ids{});
  EXPECT_EQ(with_rules("allow all\ndeny br0\n"), Ids{"network.bridge_denied"});
  EXPECT_EQ(with_rules("include /etc/qemu/mina.conf\n"), Ids{}) << "the helper will tell";
  host.add_unreadable("/etc/qemu/bridge.conf", EACCES);
  EXPECT_EQ(ids(check_bridges(host, vm, true)), Ids{}) << "unknown is not denied";
  EXPECT_EQ(ids(check_bridges(host, vm, false)), Ids{}) << "of a copied machine nobody knows";
  host.add_device("/dev/net/tun", 0, 10, 200);
  EXPECT_EQ(ids(check_bridges(host, vm, true)), Ids{});
  EXPECT_EQ(ids(check_bridges(host, vm, false)), Ids{"network.tap_denied"});
}

// With the real QEMU, as the user's VMs under sudo.
class VmBesideTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "skipped: no QEMU";
    base_ = testing::TempDir() + "cleave-beside-XXXXXX";
    ASSERT_NE(::mkdtemp(base_.data()), nullptr);
    const bool is_root = ::geteuid() == 0;
    environment_.owner = {.uid = is_root ? 65534U : ::geteuid(),
                          .gid = is_root ? 65534U : ::getegid(),
                          .name = "mina",
                          .home = base_,
                          .groups = {}};
    ASSERT_EQ(::chmod(base_.c_str(), 0755), 0);
    if (is_root) {
      ASSERT_EQ(::chown(base_.c_str(), 65534, 65534), 0);
    }
    environment_.is_root = is_root;
    environment_.by_sudo = is_root;
    environment_.home = base_;
    environment_.data_home = base_ + "/data";
    environment_.runtime_home = base_;
    environment_.system_runtime_base = base_ + "/cleave";
    environment_.user_runtime_base = base_ + "/none";
  }
  void TearDown() override {
    if (base_.empty()) return;
    (void)kill_vm(*host_, environment_, "demo");
    std::error_code error;
    for (int i = 0; i < 500 && std::filesystem::exists(base_); ++i) {
      std::filesystem::remove_all(base_, error);
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  Result<StartedVm> start(const std::string& more = "") {
    const std::string file = base_ + "/demo.toml";
    std::ofstream(file) << "accelerator = \"tcg\"\nmemory = \"32M\"\n"
                        << more << "[display]\ntype = \"none\"\n";
    const Vm wanted = TRY(load_good_vm(*host_, environment_, file));
    return start_vm(*host_, environment_, {.vm = wanted, .definition = file});
  }
  [[nodiscard]] static std::string status_of(std::uint32_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/status");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string base_;
  VmEnvironment environment_;
  std::unique_ptr<HostWriter> host_ = live_host();
};

TEST_F(VmBesideTest, QemuAndSwtpmRunWithoutAnyRight) {
  if (::access("/usr/bin/swtpm", X_OK) != 0) GTEST_SKIP() << "skipped: no swtpm";
  const auto started = start("[firmware]\ntpm = true\n");
  ASSERT_TRUE(started.has_value()) << english(started.error());
  const auto report = vm_status(environment_, "demo", true);
  ASSERT_EQ(report->seen.state.companions.size(), 1U);
  const std::uint32_t swtpm = report->seen.state.companions.front().process.process_id;
  const std::string user = "Uid:\t" + std::to_string(environment_.owner.uid) + "\t";
  for (const std::uint32_t process : {started->qemu.process_id, swtpm}) {
    const std::string status = status_of(process);
    EXPECT_NE(status.find(user), std::string::npos) << status;
    EXPECT_NE(status.find("CapEff:\t0000000000000000"), std::string::npos) << status;
    EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos) << status;
    EXPECT_NE(status.find("Seccomp:\t2"), std::string::npos) << status;
  }
  auto monitor = connect_monitor(*host_, environment_, "demo");
  ASSERT_TRUE(monitor.has_value());
  const auto tpms = monitor->execute("query-tpm");
  ASSERT_TRUE(tpms.has_value() && tpms->as_array() != nullptr);
  EXPECT_EQ(tpms->as_array()->size(), 1U);
  struct stat directory{};
  ASSERT_EQ(::stat((base_ + "/data/cleave/vms/demo/tpm").c_str(), &directory), 0);
  EXPECT_EQ(directory.st_mode & 0777U, 0700U);
  EXPECT_EQ(directory.st_uid, environment_.owner.uid);
}

TEST_F(VmBesideTest, AStoppedQemuIsToldAndCanBeEnded) {
  const auto started = start();
  ASSERT_TRUE(started.has_value()) << english(started.error());
  ASSERT_TRUE(send_signal_to(*open_process(started->qemu), SIGSTOP).has_value());
  while (!is_stopped(started->qemu)) std::this_thread::sleep_for(milliseconds(1));
  const auto report = vm_status(environment_, "demo", true);
  EXPECT_EQ(report->seen.status, VmStatus::Running);
  EXPECT_TRUE(report->is_stopped);
  EXPECT_TRUE(report->is_silent);
  EXPECT_EQ(report->guest_status, "");
  const auto stopped = stop_vm(*host_, environment_, "demo", milliseconds(100));
  ASSERT_TRUE(stopped.has_value()) << english(stopped.error());
  EXPECT_EQ(stopped->means, StopMeans::Quit) << "its disks are written";
}

TEST_F(VmBesideTest, OthersAtItsMonitorsDoNotKeepItFromBeingAskedAndEnded) {
  const auto started = start();
  ASSERT_TRUE(started.has_value()) << english(started.error());
  const auto first = connect_local_socket(started->runtime_directory + "/qmp.sock");
  const auto report = vm_status(environment_, "demo", true);
  EXPECT_EQ(report->guest_status, "running") << "over the second";
  const auto second = connect_local_socket(started->runtime_directory + "/tools.sock");
  const auto silent = vm_status(environment_, "demo", true);
  EXPECT_TRUE(silent->is_silent);
  EXPECT_FALSE(silent->is_stopped);
  const auto stopped = stop_vm(*host_, environment_, "demo", milliseconds(100));
  ASSERT_TRUE(stopped.has_value()) << english(stopped.error());
  EXPECT_EQ(stopped->means, StopMeans::Quit);
  EXPECT_EQ(stopped->after.seen.state.end->shutdown_reason, "host-signal");
}

TEST_F(VmBesideTest, StateOfAnotherUsersProcessIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  const auto started = start();
  ASSERT_TRUE(started.has_value()) << english(started.error());
  const std::string directory = started->runtime_directory;
  VmState forged = **read_state(directory);
  const auto own = forged.qemu;
  forged.qemu = identify_process(static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(write_state(directory, forged).has_value());
  EXPECT_EQ(kill_vm(*host_, environment_, "demo").error().code, ErrorCode::Denied);
  forged.qemu = own;
  ASSERT_TRUE(write_state(directory, forged).has_value());
}

}  // namespace
}  // namespace cleave
