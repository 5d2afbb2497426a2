// quickemu's NAME.conf, a script that quickemu sources (its docs/quickemu_conf.5.md).
#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "exports/formats.h"

namespace cleave {
namespace {

std::string quoted(const std::string& text) {
  return "\"" +
         replace_all(
             replace_all(replace_all(replace_all(text, "\\", "\\\\"), "\"", "\\\""), "$", "\\$"),
             "`", "\\`") +
         "\"";
}

void set(std::string& text, const char* name, const std::string& value) {
  text += format("{}={}\n", name, quoted(value));
}

void write_system(const Vm& vm, std::string& text) {
  set(text, "guest_os", vm.guest.empty() ? "linux" : vm.guest);
  set(text, "boot", vm.firmware.uefi ? "efi" : "legacy");
  set(text, "secureboot", vm.firmware.secure_boot ? "on" : "off");
  set(text, "tpm", vm.firmware.tpm ? "on" : "off");
  set(text, "cpu_cores", std::to_string(vm.cpus));
  set(text, "ram", format("{}M", vm.memory_bytes >> 20U));
}

void write_disks(const Vm& vm, std::string& text, Exported& exported) {
  bool has_disk = false;
  bool has_disc = false;
  for (const Vm::Disk& disk : vm.disks) {
    if (disk.interface == "cdrom") {
      // Windows' drivers come as a second disc.
      const char* name = !has_disc ? "iso" : "fixed_iso";
      if (!disk.file.empty()) set(text, name, disk.file);
      has_disc = true;
    } else if (!has_disk) {
      set(text, "disk_img", disk.file);
      set(text, "disk_format", disk.format);
      has_disk = true;
    } else {
      exported.not_carried.push_back(
          {N_("The disk {file}: quickemu has one disk."), {{"file", disk.file}}});
    }
  }
}

void write_network(const Vm& vm, std::string& text, Exported& exported) {
  if (vm.networks.empty()) {
    set(text, "network", "none");
    return;
  }
  const Vm::Network& first = vm.networks.front();
  if (first.type == "bridge") set(text, "network", first.bridge);
  set(text, "macaddr", first.mac);
  std::vector<std::string> ports;
  for (const Vm::Network::Forward& forward : first.forwards) {
    if (forward.protocol == "tcp") {
      ports.push_back(quoted(format("{}:{}", forward.host_port, forward.guest_port)));
    } else {
      exported.not_carried.push_back(
          {N_("The forwarded port {port} of UDP: quickemu forwards TCP."),
           {{"port", forward.host_port}}});
    }
  }
  if (!ports.empty()) text += format("port_forwards=({})\n", join(ports, " "));
  if (vm.networks.size() > 1) {
    exported.not_carried.push_back(
        {N_("{count} network cards: quickemu has one."), {{"count", vm.networks.size() - 1}}});
  }
}

void write_screen(const Vm& vm, std::string& text, Exported& exported) {
  std::string display = vm.display;
  if (display == "vnc" || display == "egl-headless" || display == "dbus") display = "none";
  if (display != vm.display) {
    exported.not_carried.push_back(
        {N_("The display {type}: quickemu does not have it."), {{"type", vm.display}}});
  }
  set(text, "display", display);
  const bool draws = vm.gpu && vm.gpu->way == "virtio-gpu";
  set(text, "gl", draws && vm.gpu->mode != "2d" ? "on" : "off");
  if (vm.fullscreen) set(text, "fullscreen", "on");
  if (vm.sound) set(text, "sound_card", vm.sound->model == "usb" ? "usb-audio" : "intel-hda");
  if (!vm.shares.empty()) set(text, "public_dir", vm.shares.front().path);
}

// Devices of the host, and what the person gave QEMU: quickemu hands these on as they are.
void write_arguments(const Vm& vm, const ExportHost& host, std::string& text) {
  std::vector<std::string> words;
  const bool draws = vm.gpu && vm.gpu->way == "virtio-gpu";
  const auto add = [&words](const std::vector<std::string>& devices) {
    for (const std::string& device : devices) {
      words.emplace_back("-device");
      words.push_back(device);
    }
  };
  if (!draws) add(host.resources.gpu_devices);
  add(host.resources.pci_devices);
  words.insert(words.end(), vm.extra_arguments.begin(), vm.extra_arguments.end());
  if (words.empty()) return;
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  set(text, "extra_args", line);
}

void add_not_carried(const Vm& vm, Exported& exported) {
  const auto lost = [&exported](bool is, Message message) {
    if (is) exported.not_carried.push_back(std::move(message));
  };
  lost(vm.machine != "q35",
       {N_("The machine {machine}: quickemu's is q35."), {{"machine", vm.machine}}});
  lost(!vm.kernel.empty(),
       {N_("The kernel {file}: quickemu starts what is on the disk."), {{"file", vm.kernel}}});
  lost(!vm.pin.empty() || vm.topology.threads > 1 || vm.topology.sockets > 1,
       {N_("How the processors are arranged: quickemu decides that itself.")});
  lost(vm.huge_pages, {N_("Huge pages for the guest's memory")});
  lost(vm.looking_glass_bytes > 0, {N_("The memory for Looking Glass")});
  lost(vm.shares.size() > 1, {N_("All shared directories but the first")});
  lost(!vm.on_suspend.empty(), {N_("What becomes of the VM when the host sleeps (on_suspend)")});
  lost(vm.autostart != "no", {N_("That it starts by itself (autostart)")});
  const auto is_usb = [](const Vm::Device& device) { return device.pci.empty(); };
  lost(std::ranges::any_of(vm.devices, is_usb),
       {N_("Devices of USB: quickemu takes them from its own setting usb_devices.")});
  lost(vm.gpu && vm.gpu->way != "virtio-gpu", {N_("quickemu prepares no device of the host: hand "
                                                  "it over first, as `cleave vm export {name} "
                                                  "--format script` tells."),
                                               {{"name", vm.name}}});
}

Exported write(const Vm& vm, const ExportHost& host) {
  Exported exported;
  std::string text = "#!/usr/bin/env quickemu --vm\n";
  write_system(vm, text);
  write_disks(vm, text, exported);
  write_network(vm, text, exported);
  write_screen(vm, text, exported);
  write_arguments(vm, host, text);
  add_not_carried(vm, exported);
  exported.files.push_back({vm.name + ".conf", std::move(text)});
  return exported;
}

}  // namespace

ExportFormat quickemu_format() {
  return {.id = "quickemu", .summary = N_("quickemu's configuration"), .write = write};
}

}  // namespace cleave
