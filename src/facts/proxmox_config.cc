#include "facts/proxmox_config.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"
#include "facts/qemu_command_line.h"

namespace cleave {
namespace {

constexpr std::size_t kMostLines = 1024;  // real ones have some thirty
constexpr std::size_t kMostDevices = 64;  // Proxmox VE itself allows 16

struct Line {
  std::string_view key;
  std::string_view value;
};

// The lines of the VM's current state.
std::vector<Line> current_lines(std::string_view text) {
  std::vector<Line> found;
  for (const std::string_view line : lines(text)) {
    if (line.starts_with('[') || found.size() >= kMostLines) break;
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    found.push_back({trim(line.substr(0, colon)), trim(line.substr(colon + 1))});
  }
  return found;
}

// "hostpci0" to "hostpci15".
bool is_host_device(std::string_view key) {
  constexpr std::string_view kPrefix = "hostpci";
  return key.starts_with(kPrefix) &&
         parse_unsigned<std::uint32_t>(key.substr(kPrefix.size())).has_value();
}

// "00:02.0", "0000:00:02.0", and without the function for all of the device.
void set_host(HostDevice& device, std::string_view text) {
  device.host = parse_pci_address(text);
  if (device.host) return;
  device.host = parse_pci_address(format("{}.0", text));
  device.all_functions = device.host.has_value();
}

void read_host_device(std::string_view key, std::string_view value, GuestSettings& settings) {
  if (settings.devices.size() >= kMostDevices) return;
  HostDevice device;
  device.driver = "vfio-pci";
  device.id = key;
  std::vector<HostDevice> more;
  bool first = true;
  for (const std::string_view part : split(value, ',')) {
    const std::size_t sign = part.find('=');
    const std::string_view name =
        sign == std::string_view::npos ? (first ? "host" : part) : part.substr(0, sign);
    const std::string_view text = sign == std::string_view::npos ? part : part.substr(sign + 1);
    first = false;
    if (name == "host") {
      const auto addresses = split(text, ';');
      set_host(device, addresses.front());
      for (std::size_t i = 1; i < addresses.size() && i < kMostDevices; ++i) {
        set_host(more.emplace_back(), addresses[i]);
      }
    } else if (name == "mapping") {
      settings.unknown.push_back(format("{}: mapping={}", key, text));
    } else if (name == "mdev") {
      device.mdev_type = text;
    } else if (name == "x-vga" || name == "legacy-igd") {
      (name == "x-vga" ? device.vga : device.legacy_mode) = text == "1" || text == "on";
    } else if (name == "romfile") {
      set_device_option(device, "romfile", text);
    }
  }
  if (device.is_mediated()) device.parent = device.host;
  if (device.is_mediated()) device.host.reset();
  settings.devices.push_back(device);
  for (const HostDevice& other : more) {
    if (settings.devices.size() >= kMostDevices) break;
    settings.devices.push_back(device);
    settings.devices.back().host = other.host;
    settings.devices.back().all_functions = other.all_functions;
  }
}

// "host,hidden=1,flags=+pcid;-vmx", "cputype=host".
void read_cpu(std::string_view value, GuestSettings& settings) {
  bool first = true;
  for (const std::string_view part : split(value, ',')) {
    const std::size_t sign = part.find('=');
    const std::string_view name =
        sign == std::string_view::npos ? (first ? "cputype" : part) : part.substr(0, sign);
    const std::string_view text = sign == std::string_view::npos ? part : part.substr(sign + 1);
    first = false;
    if (name == "cputype") settings.cpu.model = text;
    if (name == "hidden" && text == "1") settings.cpu.kvm = false;
    if (name == "hv-vendor-id") settings.cpu.hyperv_vendor_id = text;
    if (name != "flags") continue;
    for (const std::string_view flag : split(text, ';')) {
      if (flag == "-vmx" || flag == "-svm") settings.cpu.virtualisation = false;
      if (flag == "+vmx" || flag == "+svm") settings.cpu.virtualisation = true;
    }
  }
}

// The type of the emulated display; "std" if the line is not there.
void read_display(std::string_view value, GuestSettings& settings) {
  const std::string_view first = split(value, ',').front();
  const std::string_view type = first.starts_with("type=") ? first.substr(5) : first;
  settings.emulated_displays.clear();
  if (type == "none" || type.starts_with("serial")) return;
  settings.emulated_displays.emplace_back(type);
  GuestDisplay display;
  display.kind = type.starts_with("qxl") ? "spice" : "vnc";
  settings.displays.push_back(display);
  // PVE::QemuServer gives the virtio-gl display an egl-headless.
  if (type != "virtio-gl") return;
  display.kind = "egl-headless";
  display.gl = true;
  settings.displays.push_back(display);
}

void read_line(const Line& line, GuestSettings& settings) {
  const auto [key, value] = line;
  if (key == "name") settings.name = value;
  if (key == "bios" && value == "ovmf") settings.firmware = GuestFirmware::Ovmf;
  if (key == "machine") {
    const std::string_view first = split(value, ',').front();
    settings.machine = first.starts_with("type=") ? first.substr(5) : first;
  }
  if (key == "memory") {
    const std::string_view first = split(value, ',').front();
    settings.memory_bytes =
        parse_qemu_size(first.starts_with("current=") ? first.substr(8) : first);
  }
  // "w2k8", "wvista", "win7" to "win11"; "l24", "l26".
  if (key == "ostype" && value.starts_with('w'))
    settings.windows_sign = format("ostype: {}", value);
  if (key == "ostype" && value.starts_with('l')) settings.is_linux = true;
  if (key == "cpu") read_cpu(value, settings);
  if (key == "vga") read_display(value, settings);
  if (is_host_device(key)) read_host_device(key, value, settings);
}

}  // namespace

GuestSettings parse_proxmox_config(std::string_view text) {
  GuestSettings settings;
  settings.accelerator = "kvm";
  settings.emulated_displays = {"std"};
  const std::vector<Line> found = current_lines(text);
  for (const Line& line : found) read_line(line, settings);
  const bool says_vga = std::ranges::find(found, "vga", &Line::key) != found.end();
  const bool is_primary = std::ranges::any_of(
      settings.devices, [](const HostDevice& device) { return device.vga == true; });
  // x-vga=1 takes the emulated display away and hides KVM (PVE::QemuServer::PCI,
  // print_hostpci_devices).
  if (is_primary && !says_vga) settings.emulated_displays.clear();
  if (is_primary) settings.cpu.kvm = false;
  for (const Line& line : found) {
    if (line.key == "args") apply_qemu_arguments(split_shell_words(line.value), settings);
  }
  return settings;
}

std::string reduced_proxmox_config(std::string_view text, std::string_view name) {
  constexpr std::array<std::string_view, 6> kKept = {"bios",   "machine", "memory",
                                                     "ostype", "cpu",     "vga"};
  std::string reduced;
  for (const auto& [key, value] : current_lines(text)) {
    if (key == "name") {
      reduced += format("name: {}\n", name);
    } else if (key == "args") {
      std::vector<std::string> arguments = {"qemu"};
      for (std::string& word : split_shell_words(value)) arguments.push_back(std::move(word));
      arguments = reduced_command_line(arguments, name);
      const std::span<const std::string> words = std::span(arguments).subspan(1);
      if (!words.empty()) reduced += "args: " + quoted_words(words, " ") + "\n";
    } else if (std::ranges::find(kKept, key) != kKept.end() || is_host_device(key)) {
      reduced += format("{}: {}\n", key, value);
    }
  }
  return reduced;
}

}  // namespace cleave
