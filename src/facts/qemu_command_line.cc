#include "facts/qemu_command_line.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "facts/mdev.h"
#include "facts/qemu_options.h"

namespace cleave {
namespace {

constexpr std::size_t kMostDevices = 64;
constexpr std::size_t kMostNamed = 32;  // displays, and things that are not known
// The one of Hyper-V's flags that tells nothing: it is given to other guests, too.
constexpr std::string_view kVendorFlag = "hv-vendor-id";

bool has_unknown_part(std::string_view text) {
  return text.find(kUnknownPart) != std::string_view::npos;
}

// "/sys/bus/mdev/devices/UUID", "/sys/bus/pci/devices/0000:00:02.0/UUID" or a PCI device.
void set_sysfs_device(HostDevice& device, std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (const auto uuid = parse_uuid(last)) {
    device.uuid = *uuid;
    const std::string_view above = slash == std::string_view::npos ? "" : path.substr(0, slash);
    device.parent = parse_pci_address(above.substr(above.rfind('/') + 1));
  } else {
    device.host = parse_pci_address(last);
  }
}

GuestDisplay window_of(std::string_view kind) {
  GuestDisplay display;
  display.kind = kind;
  return display;
}

// "hv_relaxed", "hv-time", but not the vendor's name, which is also given to Linux.
bool is_hyperv_flag(std::string_view name) {
  return name.starts_with("hv-") && name != kVendorFlag;
}

}  // namespace

void set_device_option(HostDevice& device, std::string_view key, std::string_view value) {
  const auto set = [value](std::optional<bool>& target) {
    if (value == "auto") target.reset();
    if (const auto wanted = parse_switch(value)) target = *wanted;
  };
  if (key == "driver") device.driver = value;
  if (key == "id") device.id = value;
  if (key == "host") device.host = parse_pci_address(value);
  if (key == "sysfsdev") set_sysfs_device(device, value);
  // auto asks for the picture as on does; only what has none is forgiven (hw/vfio/display.c).
  if (key == "display") device.display = value == "auto" ? true : parse_switch(value);
  if (key == "ramfb") set(device.ramfb);
  if (key == "x-igd-opregion") set(device.opregion);
  if (key == "x-igd-legacy-mode") set(device.legacy_mode);
  if (key == "x-vga") set(device.vga);
  if (key == "romfile") device.rom_file = last_part(value);
  if (key == "addr") device.slot = value;
}

std::optional<std::uint64_t> parse_qemu_size(std::string_view text) {
  constexpr std::string_view kUnits = "bkmgtpe";  // util/cutils.c, suffix_mul
  unsigned power = 2;                             // mebibytes
  if (!text.empty()) {
    const std::size_t unit = kUnits.find(lower_case(text.substr(text.size() - 1)));
    if (unit != std::string_view::npos) {
      power = static_cast<unsigned>(unit);
      text.remove_suffix(1);
    }
  }
  const std::size_t dot = text.find('.');
  const auto whole = parse_unsigned<std::uint64_t>(text.substr(0, dot));
  const std::uint64_t scale = std::uint64_t{1} << (10U * power);
  if (!whole || *whole > ~std::uint64_t{0} / scale) return std::nullopt;
  std::uint64_t bytes = *whole * scale;
  if (dot == std::string_view::npos) return bytes;
  // Three digits behind the point are enough; more would be a size that nobody types.
  std::string fraction(text.substr(dot + 1, 3));
  fraction.resize(3, '0');
  const auto thousandths = parse_unsigned<std::uint64_t>(fraction);
  if (!thousandths) return std::nullopt;
  bytes += scale / 1000 * *thousandths + scale % 1000 * *thousandths / 1000;
  return bytes;
}

GuestFirmware firmware_of_file(std::string_view path) {
  const std::string name = lower_case(last_part(path));
  for (const char* part : {"ovmf", "edk2", "qemu_efi", "uefi", "aavmf"}) {
    if (name.find(part) != std::string::npos) return GuestFirmware::Ovmf;
  }
  for (const char* part : {"seabios", "bios-256k", "bios.bin", "bios-microvm"}) {
    if (name.find(part) != std::string::npos) return GuestFirmware::SeaBios;
  }
  return GuestFirmware::Unknown;
}

namespace {

class CommandLine {
 public:
  explicit CommandLine(GuestSettings& settings) : settings_(settings) {}

  void read(std::span<const std::string> arguments) {
    std::size_t i = 0;
    while (i < std::min(arguments.size(), kMostQemuArguments)) {
      std::string_view word = arguments[i++];
      if (has_unknown_part(word)) unknown(word);
      // A word without a hyphen is a disk's image.
      if (word.size() < 2 || !word.starts_with('-')) continue;
      word.remove_prefix(word.starts_with("--") ? 2 : 1);
      if (is_qemu_flag(word)) {
        flag(word);
      } else if (i < arguments.size()) {
        option(word, arguments[i++]);
      }
    }
    if (arguments.size() > kMostQemuArguments) unknown("more than 4096 arguments");
    finish();
  }

  // What only a whole command line says by being silent.
  void set_defaults() {
    const bool none = no_defaults_ || vga_given_ || !settings_.emulated_displays.empty();
    if (!none) settings_.emulated_displays.emplace_back("std");
  }

 private:
  void unknown(std::string_view what) {
    if (settings_.unknown.size() >= kMostNamed) return;
    std::string text(what);
    std::ranges::replace(text, kUnknownPart, '?');
    settings_.unknown.push_back(std::move(text));
  }

  void flag(std::string_view name) {
    if (name == "nodefaults") no_defaults_ = true;
    if (name == "enable-kvm") settings_.accelerator = "kvm";
    if (name == "no-kvm") settings_.accelerator = "tcg";
    if (name == "localtime") settings_.windows_sign = "-localtime";
    if (name == "nographic") set_window(window_of("none"));
    if (name == "curses" || name == "sdl") {
      set_window(window_of(name));
    }
  }

  void option(std::string_view name, std::string_view value) {
    const bool matters = read_option(name, value);
    if (matters && has_unknown_part(value)) unknown(format("-{} {}", name, value));
  }

  // False if nothing of the option is asked for.
  bool read_option(std::string_view name, std::string_view value) {
    if (name == "device") return device(value);
    if (name == "set") return set_later(value);
    if (name == "global") return global(value);
    if (name == "cpu") return cpu(value);
    if (name == "machine" || name == "M") return machine(value);
    if (name == "display") return display(value);
    if (name == "spice") return spice(value);
    if (name == "vga") return vga(value);
    if (name == "vnc") return vnc(value);
    if (name == "m") return memory(value);
    if (name == "readconfig") return read_config(value);
    if (name == "bios" || name == "pflash" || name == "drive") return firmware(name, value);
    if (name == "name") {
      settings_.name = value_of(split_options(value, "guest"), "guest");
    } else if (name == "accel") {
      settings_.accelerator = value_of(split_options(value, "accel"), "accel");
    } else if (name == "rtc") {
      if (value_of(split_options(value, ""), "base") == "localtime") {
        settings_.windows_sign = "-rtc base=localtime";
      }
    } else if (name == "kernel") {
      settings_.is_linux = true;
    } else {
      return false;
    }
    return true;
  }

  bool device(std::string_view value) {
    const QemuOptions options = split_options(value, "driver");
    const std::string_view driver = value_of(options, "driver");
    if (driver.empty()) unknown(format("-device {}", value));
    if (is_emulated_display(driver)) {
      add_display(driver);
      return true;
    }
    if (!is_vfio_driver(driver)) return has_unknown_part(driver);
    if (settings_.devices.size() >= kMostDevices) {
      unknown("more than 64 devices");
      return false;
    }
    HostDevice found;
    for (const auto& [key, text] : options) set_device_option(found, key, text);
    settings_.devices.push_back(std::move(found));
    own_.push_back(settings_.devices.size() - 1);
    return true;
  }

  void add_display(std::string_view driver) {
    if (settings_.emulated_displays.size() < kMostNamed) {
      settings_.emulated_displays.emplace_back(driver);
    }
  }

  // "device.hostdev0.ramfb=on". QemuOptions may come in any order: applied at the end.
  bool set_later(std::string_view value) {
    if (!value.starts_with("device.")) return false;
    later_.push_back(value.substr(std::string_view("device.").size()));
    return true;
  }

  // "vfio-pci.display=on" and "driver=vfio-pci,property=display,value=on".
  bool global(std::string_view value) {
    QemuOptions options = split_options(value, "");
    std::string driver(value_of(options, "driver"));
    std::string property(value_of(options, "property"));
    std::string text(value_of(options, "value"));
    if (driver.empty() && !options.empty()) {
      const std::string& key = options.front().first;
      driver = key.substr(0, key.find('.'));
      if (driver.size() < key.size()) property = key.substr(driver.size() + 1);
      text = options.front().second;
    }
    if (!is_vfio_driver(driver)) return false;
    globals_.emplace_back(property, text);
    return true;
  }

  bool cpu(std::string_view value) {
    GuestCpu& cpu = settings_.cpu;
    const auto parts = split_options(value, "model");
    cpu = {};
    cpu.model = value_of(parts, "model");
    for (const auto& [key, text] : parts) {
      std::string name = key;
      std::ranges::replace(name, '_', '-');
      std::optional<bool> wanted = parse_switch(text);
      // "+vmx" and "-vmx" are the old way (target/i386/cpu.c, x86_cpu_parse_featurestr).
      if (name.starts_with('+') || name.starts_with('-')) {
        wanted = name.front() == '+';
        name.erase(0, 1);
      }
      if (name == "hypervisor") cpu.hypervisor = wanted;
      if (name == "kvm") cpu.kvm = wanted;
      if (name == "vmx" || name == "svm") cpu.virtualisation = wanted;
      if (name == kVendorFlag) cpu.hyperv_vendor_id = text;
      if (is_hyperv_flag(name) && wanted != false) settings_.windows_sign = "-cpu " + key;
    }
    return true;
  }

  bool machine(std::string_view value) {
    const QemuOptions options = split_options(value, "type");
    if (has_option(options, "type")) settings_.machine = value_of(options, "type");
    if (has_option(options, "accel")) settings_.accelerator = value_of(options, "accel");
    // Flash on a PC holds UEFI (docs/system/i386/pc.rst).
    if (has_option(options, "pflash0")) settings_.firmware = GuestFirmware::Ovmf;
    return true;
  }

  // The window: of several the last counts.
  void set_window(GuestDisplay display) { window_ = std::move(display); }

  bool display(std::string_view value) {
    const QemuOptions options = split_options(value, "type");
    GuestDisplay display;
    display.kind = value_of(options, "type");
    const std::string_view gl = value_of(options, "gl");
    // egl-headless has OpenGL unless told otherwise (ui/egl-headless.c).
    display.gl = gl.empty() ? display.kind == "egl-headless" : gl != "off";
    display.render_node = value_of(options, "rendernode");
    if (display.kind == "vnc") return vnc(value);
    // "spice-app" brings a spice server with OpenGL of its own if asked (ui/spice-app.c).
    if (display.kind == "spice-app") display.kind = "spice";
    set_window(std::move(display));
    return true;
  }

  bool spice(std::string_view value) {
    const QemuOptions options = split_options(value, "");
    GuestDisplay display;
    display.kind = "spice";
    display.gl = parse_switch(value_of(options, "gl")).value_or(false);
    display.render_node = value_of(options, "rendernode");
    display.image_compression = value_of(options, "image-compression");
    servers_.push_back(std::move(display));
    return true;
  }

  bool vnc(std::string_view value) {
    if (value != "none") servers_.push_back(window_of("vnc"));
    return false;
  }

  bool vga(std::string_view value) {
    const std::string type(value_of(split_options(value, "type"), "type"));
    vga_given_ = true;
    if (type == "none" || has_unknown_part(type)) return true;
    add_display(type);
    return true;
  }

  bool memory(std::string_view value) {
    const QemuOptions options = split_options(value, "size");
    if (has_option(options, "size"))
      settings_.memory_bytes = parse_qemu_size(value_of(options, "size"));
    return true;
  }

  bool read_config(std::string_view value) {
    // Proxmox VE's own name bridges and USB controllers alone.
    if (value.starts_with("/usr/share/qemu-server/pve-") && value.ends_with(".cfg")) return false;
    unknown(format("-readconfig {}", last_part(value)));
    return false;
  }

  bool firmware(std::string_view name, std::string_view value) {
    if (name == "drive") {
      if (value_of(split_options(value, "file"), "if") == "pflash") {
        settings_.firmware = GuestFirmware::Ovmf;
      }
      return false;
    }
    settings_.firmware = name == "pflash" ? GuestFirmware::Ovmf : firmware_of_file(value);
    return false;
  }

  void finish() {
    for (const std::size_t own : own_) {
      HostDevice& device = settings_.devices[own];
      HostDevice with_globals;
      for (const auto& [key, text] : globals_) set_device_option(with_globals, key, text);
      if (!device.display) device.display = with_globals.display;
      if (!device.ramfb) device.ramfb = with_globals.ramfb;
      if (!device.opregion) device.opregion = with_globals.opregion;
      if (!device.legacy_mode) device.legacy_mode = with_globals.legacy_mode;
    }
    for (const std::string_view text : later_) set_now(text);
    if (window_) settings_.displays.push_back(*window_);
    for (GuestDisplay& server : servers_) {
      if (settings_.displays.size() < kMostNamed) settings_.displays.push_back(std::move(server));
    }
  }

  // "hostdev0.ramfb=on"; an id may have dots, an option has none.
  void set_now(std::string_view text) {
    const std::size_t sign = text.find('=');
    if (sign == std::string_view::npos) return;
    const std::size_t dot = text.substr(0, sign).rfind('.');
    if (dot == std::string_view::npos) return;
    const std::string_view id = text.substr(0, dot);
    for (HostDevice& device : settings_.devices) {
      if (device.id != id) continue;
      set_device_option(device, text.substr(dot + 1, sign - dot - 1), text.substr(sign + 1));
    }
  }

  GuestSettings& settings_;
  bool no_defaults_ = false;
  bool vga_given_ = false;
  std::optional<GuestDisplay> window_;
  std::vector<GuestDisplay> servers_;
  std::vector<std::size_t> own_;  // devices that stood on this command line
  std::vector<std::string_view> later_;
  QemuOptions globals_;
};
}  // namespace

void apply_qemu_arguments(std::span<const std::string> arguments, GuestSettings& settings) {
  CommandLine(settings).read(arguments);
}

GuestSettings parse_qemu_command_line(std::span<const std::string> arguments) {
  GuestSettings settings;
  if (arguments.empty()) return settings;
  // Machines of other processors have firmware of their own.
  const std::string program = last_part(arguments.front());
  const bool is_other = program.find("qemu-system-") != std::string::npos &&
                        program.find("x86_64") == std::string::npos &&
                        program.find("i386") == std::string::npos;
  if (is_other) settings.firmware = GuestFirmware::Unknown;
  CommandLine line(settings);
  line.read(arguments.subspan(1));
  line.set_defaults();
  return settings;
}
}  // namespace cleave
