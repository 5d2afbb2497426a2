// Captures of machines with VMs: the diagnosis stays, what is private of the VMs does not.
#include <gtest/gtest.h>

#include "app/capture.h"
#include "app/privacy_vms.h"
#include "base/text.h"
#include "cli/render/doctor_json.h"
#include "facts/readers/read_facts.h"
#include "support/machine.h"

namespace cleave {
namespace {

Json doctor_of(const HostReader& host) { return doctor_json(diagnose(read_facts(host))); }

// What decides, without names and UUIDs.
std::string outcomes_of(const Json& doctor) {
  std::string text;
  for (const Json& finding : *doctor.find("findings")->as_array()) {
    text += finding.text_of("id");
    text += " ";
    text += finding.text_of("outcome");
    text += "\n";
  }
  for (const Json& gpu : *doctor.find("gpus")->as_array()) {
    for (const Json& machine : *gpu.find("virtual_machines")->as_array()) {
      text += machine.text_of("source");
      text += std::to_string(machine.find("devices")->as_array()->size()) + "\n";
    }
  }
  return text;
}

class MachineWithVms : public ::testing::TestWithParam<const char*> {};

TEST_P(MachineWithVms, CapturedTellsTheSameAndNothingPrivate) {
  MemoryHost host = testing::load_machine(GetParam());
  host.add_directory("/home/mina");
  const Capture capture = capture_machine(host, "0", 1);
  const Json direct = doctor_of(host);
  const Json captured = doctor_of(capture.machine);
  EXPECT_EQ(outcomes_of(captured), outcomes_of(direct));
  const std::string evidence = to_text(captured, 1);
  for (const auto& [path, node] : capture.machine.nodes()) {
    const std::string all = path + "\n" + node.content;
    for (const char* secret : {"win10", "win11", "windows-old", "mina", "52:54:00", "BC:24:11",
                               ".qcow2", "0d4c8a52", "4b7c0f3e", "local-lvm", "kontor"}) {
      EXPECT_EQ(all.find(secret), std::string::npos) << secret << " in " << path << "\n"
                                                     << node.content.substr(0, 2000);
    }
  }
  const ScrubbedMachine again = scrub_machine(capture.machine, identity_of(host));
  EXPECT_EQ(again.machine.snapshot(), capture.machine.snapshot());
}

INSTANTIATE_TEST_SUITE_P(Machines, MachineWithVms,
                         ::testing::Values("comet-lake-vgpu-black", "comet-lake-opregion-rom",
                                           "comet-lake-libvirt", "comet-lake-mdevctl",
                                           "comet-lake-proxmox", "alder-lake-windows-function"),
                         [](const auto& machine) { return replace_all(machine.param, "-", "_"); });

TEST(ReducedVms, ProcessesKeepWhatDecides) {
  using namespace std::string_literals;
  MemoryHost host;
  host.add_file("/proc/7/comm", "secret-editor\n");
  host.add_file("/proc/7/environ", "TOKEN=abc\0INTEL_DEBUG=norbc\0HOME=/home/mina\0"s);
  host.add_file("/proc/7/cmdline", "crosvm\0--password\0abc\0"s);
  host.add_file("/proc/7/status", "Name:\tsecret\nUid:\t1000\nGroups:\t7\nCapEff:\t00\n");
  host.add_file("/proc/8/comm", "my-win\n");
  host.add_file("/proc/8/cmdline", "/usr/bin/qemu-system-x86_64\0-name\0my-win,process=my-win\0"s);
  host.add_link("/proc/8/fd/3", "/dev/vfio/9");
  host.add_file("/run/user/1000/cleave/my-win/qemu.log",
                "mina\nqemu: -drive file=x: Failed to get \"write\" lock\n");
  const ReducedVms reduced = reduce_vms(host);
  EXPECT_EQ(reduced.names, 1U);
  const auto read = [&](const char* path) {
    const auto text = reduced.machine.read_file(path);
    return text ? *text : "?"s;
  };
  EXPECT_EQ(read("/proc/7/comm"), "removed\n");
  EXPECT_EQ(read("/proc/7/environ"), "INTEL_DEBUG=norbc\0"s);
  EXPECT_EQ(read("/proc/7/cmdline"), "removed\0"s);
  EXPECT_EQ(read("/proc/7/status"), "Uid:\t1000\nCapEff:\t00\n");
  EXPECT_EQ(read("/proc/8/comm"), "vm1\n");
  EXPECT_EQ(read("/proc/8/cmdline"), "/usr/bin/qemu-system-x86_64\0-name\0guest=vm1\0"s);
  EXPECT_EQ(read("/run/user/1000/cleave/vm1/qemu.log"), "Failed to get \"write\" lock\n");
}

}  // namespace
}  // namespace cleave
