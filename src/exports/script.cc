// A POSIX shell script with the very command line, and what has to be there before it.
#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "exports/formats.h"
#include "exports/host_devices.h"
#include "exports/remembered.h"
#include "vm/definition_text.h"

namespace cleave {
namespace {

// Words in single quotes where a shell would see more than the word.
std::string word(const std::string& text) { return to_shell_text({"", text}).substr(3); }

// A text of one line, as a comment of the script may have it.
std::string comment(std::string_view text) {
  return "# " + replace_all(printable(text), "\n", " ") + "\n";
}

// Ends the script with what to do where something is missing.
std::string require(const std::string& condition, const std::string& complaint) {
  return format("if ! {}; then\n  echo {} >&2\n  exit 1\nfi\n", condition, word(complaint));
}

std::string vgpu_part(const PassedDevice& device, const ExportHost::Vgpu& vgpu) {
  const std::string path = "/sys/bus/mdev/devices/" + device.uuid;
  std::string text = "\n# The vGPU. It has to be made after each start of the machine, as root:\n";
  if (!vgpu.parent.empty() && !vgpu.type_id.empty()) {
    text += format("#   echo {} > /sys/class/mdev_bus/{}/mdev_supported_types/{}/create\n",
                   device.uuid, vgpu.parent, vgpu.type_id);
  }
  text += comment("and you must be allowed to open /dev/vfio/GROUP, its IOMMU group:");
  text +=
      format("#   chown \"$USER\" /dev/vfio/$(basename \"$(readlink {}/iommu_group)\")\n", path);
  return text + require("[ -e " + path + " ]", "The vGPU " + device.uuid +
                                                   " is not there; the comment in this script "
                                                   "tells how root makes it.");
}

std::string pci_part(const PciAddress& address) {
  const std::string path = "/sys/bus/pci/devices/" + to_text(address);
  std::string text =
      format("\n# The device {}. As root, with all others of its IOMMU group:\n", to_text(address));
  text += format("#   echo vfio-pci > {}/driver_override\n", path);
  text += format("#   echo {} > {}/driver/unbind\n", to_text(address), path);
  text += format("#   echo {} > /sys/bus/pci/drivers_probe\n", to_text(address));
  text +=
      format("#   chown \"$USER\" /dev/vfio/$(basename \"$(readlink {}/iommu_group)\")\n", path);
  return text + require(format("[ -e /sys/bus/pci/drivers/vfio-pci/{} ]", to_text(address)),
                        "The driver vfio-pci does not have " + to_text(address) +
                            "; the comment in this script tells how root gives it.");
}

std::string firmware_part(const Vm& vm, const ExportHost& host) {
  if (!vm.firmware.uefi || host.nvram_template.empty()) return {};
  const std::string nvram = word(host.resources.firmware.nvram);
  return format(
      "\n# The firmware's variables are this VM's own.\n"
      "if [ ! -e {0} ]; then\n  mkdir -p {1}\n  cp {2} {0}\nfi\n",
      nvram,
      word(host.resources.firmware.nvram.substr(0, host.resources.firmware.nvram.rfind('/'))),
      word(host.nvram_template));
}

std::string helpers_part(const Vm& vm, const std::string& runtime) {
  std::string text;
  if (vm.firmware.tpm) {
    const std::string state = word(runtime + "/tpm");
    text += format(
        "\n# The TPM, a process of its own, which ends with QEMU. Its keys are gone with "
        "that directory.\nmkdir -p {0}\nswtpm socket --tpm2 --daemon --terminate "
        "--tpmstate dir={0} --ctrl type=unixio,path={1}\n",
        state, word(runtime + "/" + kTpmSocket));
  }
  for (std::size_t i = 0; i < vm.shares.size(); ++i) {
    const Vm::Share& share = vm.shares[i];
    if (share.type != "virtiofs") continue;
    text += format(
        "\n# {0} on the host, {1} in the guest; virtiofsd ends with QEMU.\n"
        "\"${{VIRTIOFSD:-/usr/libexec/virtiofsd}}\" --socket-path={2} --shared-dir={3}{4} &\n"
        "while [ ! -e {2} ]; do sleep 0.1; done\n",
        replace_all(printable(share.path), "\n", " "), share.tag,
        word(runtime + "/" + share_socket(i)), word(share.path),
        share.read_only ? " --readonly" : "");
  }
  return text;
}

// A tap's descriptor nobody hands to a script: QEMU's own helper makes the tap, which it may only
// start without these two parts of the sandbox.
void replace_bridges(const Vm& vm, CommandLine& line) {
  std::size_t number = 0;
  bool any = false;
  for (ArgumentGroup& group : line.groups) {
    if (group.name != "network") continue;
    const Vm::Network& network = vm.networks[number];
    if (network.type == "bridge") {
      group.arguments[1] = format("bridge,id=net{},br={}", number, network.bridge);
      any = true;
    }
    ++number;
  }
  if (!any) return;
  for (ArgumentGroup& group : line.groups) {
    if (group.name == "sandbox") group.arguments[1] = "on,obsolete=deny,resourcecontrol=deny";
  }
}

std::string command_part(const CommandLine& line) {
  std::string text = "\n# What each argument is for: cleave vm command\n";
  for (const auto& [name, value] : line.environment_defaults) {
    text += format(": \"${{{}:={}}}\"\nexport {}\n", name, value, name);
  }
  text += "exec " + word(line.program);
  for (const ArgumentGroup& group : line.groups) {
    for (std::size_t i = 0; i < group.arguments.size(); ++i) {
      // An option and its value stand on one line.
      const bool is_value = i > 0 && !group.arguments[i].starts_with('-');
      text += (is_value ? " " : " \\\n  ") + word(group.arguments[i]);
    }
  }
  return text + "\n";
}

std::string remembered_part(const Vm& vm) {
  std::string text = "\n# What QEMU is not told; `cleave vm import` takes it from here.\n";
  const std::string all =
      remembered_text(vm) + "\n" + definition_tables_text(vm, WrittenKeys::All, {"topology"});
  for (const std::string_view line : lines(all)) {
    if (!line.empty()) text += kRememberedLine + std::string(line) + "\n";
  }
  return text;
}

void add_not_carried(const Vm& vm, Exported& exported) {
  if (!vm.pin.empty()) {
    exported.not_carried.push_back(
        {N_("On which of the host's processors the guest's run: QEMU itself cannot be told.")});
  }
  if (!vm.on_suspend.empty()) {
    exported.not_carried.push_back(
        {N_("What becomes of the VM when the host sleeps (on_suspend)")});
  }
  if (vm.autostart != "no") {
    exported.not_carried.push_back({N_("That it starts by itself (autostart)")});
  }
  for (const Vm::Network& network : vm.networks) {
    if (network.type != "bridge") continue;
    exported.not_carried.push_back(
        {N_("The network card on {bridge} needs QEMU's helper for bridges, which /etc/qemu/"
            "bridge.conf must allow; the sandbox is looser for it."),
         {{"bridge", network.bridge}}});
  }
}

Exported write(const Vm& vm, const ExportHost& host) {
  Exported exported;
  CommandLine line = build_command_line(vm, host.resources);
  replace_bridges(vm, line);
  const std::string& runtime = host.resources.runtime_directory;
  std::string text = "#!/bin/sh\n" + comment("The virtual machine " + vm.name +
                                             ", written by cleave: the same arguments that it "
                                             "gives QEMU on this machine.");
  text += "set -eu\n\n# For sockets that only you can open.\n";
  text += format("(umask 077 && mkdir -p {0})\nchmod 0700 {0}\n", word(runtime));
  for (const PassedDevice& device : passed_devices(host)) {
    text += device.pci ? pci_part(*device.pci) : vgpu_part(device, host.vgpu);
  }
  text += firmware_part(vm, host);
  text += helpers_part(vm, runtime);
  text += command_part(line);
  text += remembered_part(vm);
  exported.files.push_back({vm.name + ".sh", std::move(text)});
  add_not_carried(vm, exported);
  return exported;
}

}  // namespace

ExportFormat script_format() {
  return {.id = "script",
          .summary = N_("A shell script with the whole command line: QEMU alone"),
          .write = write};
}

}  // namespace cleave
