// VMs that run or are defined: who is looked for, and what is not.
#include "facts/virtual_machines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "facts/readers/readers.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

using namespace std::string_literals;

constexpr const char* kDomain =
    "<domain type='kvm'><name>win</name><devices><hostdev type='pci'><source><address slot='2'/>"
    "</source></hostdev></devices></domain>";

void add_process(MemoryHost& host, int id, const std::string& name, const std::string& arguments) {
  const std::string directory = "/proc/" + std::to_string(id);
  host.add_file(directory + "/comm", name + "\n");
  host.add_file(directory + "/cmdline", arguments);
  host.add_file(directory + "/limits",
                "Max locked memory         8388608              8388608              bytes     \n");
  host.add_file(directory + "/status", "Name:\tq\nUid:\t1000\t1000\nCapEff:\t0000000000000000\n");
}

const std::string kQemu =
    "/usr/bin/qemu-system-x86_64\0-name\0win\0-device\0vfio-pci,host=00:02.0\0"s;

MemoryHost busy() {
  MemoryHost host;
  host.add_directory("/etc");
  host.add_file("/sys/module/kvm_intel/refcnt", "3\n");
  add_process(host, 42, "qemu-system-x86", kQemu);
  add_process(host, 43, "bash", "bash\0");
  return host;
}

const std::vector<VirtualMachine>& machines_of(const VirtualMachineFacts& facts) {
  return *facts.machines.value();
}

TEST(VirtualMachines, ARunningQemu) {
  MemoryHost host = busy();
  host.add_file("/proc/42/environ", "A=b\0INTEL_DEBUG=norbc\0"s);
  host.add_file("/run/user/1000/cleave/win/qemu.log", "words\n");
  const auto facts = read_virtual_machines(host);
  ASSERT_EQ(machines_of(facts).size(), 1U);
  const VirtualMachine& machine = machines_of(facts)[0];
  EXPECT_EQ(machine.place, "/proc/42/cmdline");
  EXPECT_EQ(machine.process_id, 42U);
  EXPECT_EQ(machine.settings.value()->name, "win");
  EXPECT_EQ(*machine.memory_lock.value(), std::uint64_t{8388608});
  EXPECT_EQ(machine.intel_debug.value_or(""), "norbc");
  EXPECT_EQ(machine.said.value_or(""), "words\n");
}

TEST(VirtualMachines, WhereNobodyUsesKvmNobodyIsLookedFor) {
  MemoryHost host = busy();
  host.add_file("/sys/module/kvm_intel/refcnt", "0\n");
  EXPECT_TRUE(machines_of(read_virtual_machines(host)).empty());
  host.add_device("/dev/vfio/12", 0600, 240, 0);
  EXPECT_EQ(machines_of(read_virtual_machines(host)).size(), 1U);
  MemoryHost none;
  none.add_directory("/etc");
  EXPECT_TRUE(machines_of(read_virtual_machines(none)).empty());
}

TEST(VirtualMachines, KvmItselfKnowsOneThatCallsItselfOtherwise) {
  MemoryHost host = busy();
  add_process(host, 44, "quickwin", kQemu);
  EXPECT_EQ(machines_of(read_virtual_machines(host)).size(), 1U);
  host.add_directory("/sys/kernel/debug/kvm/44-12");
  const auto facts = read_virtual_machines(host);
  ASSERT_EQ(machines_of(facts).size(), 1U);
  EXPECT_EQ(machines_of(facts)[0].process_id, 44U);
}

TEST(VirtualMachines, RootsLimitDoesNotCount) {
  MemoryHost host = busy();
  host.add_file("/proc/42/status", "CapEff:\t000001ffffffffff\n");
  EXPECT_EQ(*machines_of(read_virtual_machines(host))[0].memory_lock.value(), std::nullopt);
  host.add_file("/proc/42/status", "CapEff:\tx\n");
  host.add_unreadable("/proc/42/limits", EACCES);
  EXPECT_NE(machines_of(read_virtual_machines(host))[0].memory_lock.unreadable(), nullptr);
}

TEST(VirtualMachines, ADomainThatRunsIsOneMachine) {
  MemoryHost host = busy();
  host.add_file("/etc/libvirt/qemu/win.xml", kDomain);
  host.add_file("/etc/libvirt/qemu/broken.xml", "<domain");
  host.add_directory("/etc/libvirt/qemu/networks");
  host.add_file("/var/log/libvirt/qemu/win.log",
                "0: starting up libvirt version: 10, qemu version: 8.2.2, x\n/usr/bin/qemu-kvm "
                "-S\nqemu-kvm: egl: no drm render node available\n");
  const auto facts = read_virtual_machines(host);
  ASSERT_EQ(machines_of(facts).size(), 2U);
  EXPECT_EQ(machines_of(facts)[0].source, VmSource::Libvirt);
  EXPECT_EQ(machines_of(facts)[0].process_id, 42U);
  EXPECT_EQ(machines_of(facts)[0].qemu_version, (Version{8, 2, 2}));
  EXPECT_EQ(machines_of(facts)[0].said.value_or(""),
            "qemu-kvm: egl: no drm render node available\n");
  EXPECT_NE(machines_of(facts)[1].settings.unreadable(), nullptr);
}

TEST(VirtualMachines, WhatIsClosedIsNotAbsent) {
  MemoryHost host;
  host.add_directory("/etc");
  host.add_unreadable("/etc/libvirt/qemu", EACCES);
  const auto facts = read_virtual_machines(host);
  EXPECT_NE(facts.libvirt.unreadable(), nullptr);
  EXPECT_TRUE(facts.proxmox.is_absent());
  EXPECT_TRUE(facts.mdev_definitions.is_absent());
}

TEST(VirtualMachines, ProxmoxAndMdevctl) {
  MemoryHost host;
  host.add_directory("/etc");
  host.add_file("/etc/pve/qemu-server/100.conf", "hostpci0: 00:02.0,mdev=i915-GVTg_V5_4\n");
  host.add_file("/etc/mdevctl.d/0000:00:02.0/2aee154e-7d0d-11e8-88b8-6f45320c7162",
                R"({"mdev_type":"i915-GVTg_V5_4","start":"auto"})");
  host.add_directory("/etc/mdevctl.d/scripts.d/callouts");
  const auto facts = read_virtual_machines(host);
  ASSERT_EQ(machines_of(facts).size(), 1U);
  EXPECT_EQ(machines_of(facts)[0].settings.value()->name, "vm100");
  ASSERT_EQ(facts.mdev_definitions.value()->size(), 1U);
  EXPECT_TRUE(facts.mdev_definitions.value()->front().starts_by_itself);
}

}  // namespace
}  // namespace cleave
