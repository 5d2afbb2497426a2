#include "facts/qemu_command_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/format.h"
#include "base/json.h"
#include "base/text.h"
#include "facts/mdev.h"

namespace cleave {
namespace {

// A command line of the kernel is 128 KiB a word and some megabytes in all (execve(2)); real ones
// of libvirt have some hundred words.
constexpr std::size_t kMostArguments = 4096;
constexpr std::size_t kMostDevices = 64;
constexpr std::size_t kMostNamed = 32;  // displays, and things that are not known

// Options that take no argument (DEF with HAS_ARG 0 in qemu-options.hx, QEMU 10.0, and those of
// older versions). Every other one takes the next word.
constexpr std::array<std::string_view, 43> kFlags = {"S",
                                                     "alt-grab",
                                                     "async-teardown",
                                                     "audio-help",
                                                     "ctrl-grab",
                                                     "curses",
                                                     "daemonize",
                                                     "enable-fips",
                                                     "enable-kvm",
                                                     "enable-sync-profile",
                                                     "full-screen",
                                                     "h",
                                                     "help",
                                                     "localtime",
                                                     "mem-prealloc",
                                                     "no-acpi",
                                                     "no-fd-bootchk",
                                                     "no-frame",
                                                     "no-hpet",
                                                     "no-kvm",
                                                     "no-kvm-irqchip",
                                                     "no-kvm-pit",
                                                     "no-kvm-pit-reinjection",
                                                     "no-quit",
                                                     "no-reboot",
                                                     "no-shutdown",
                                                     "no-user-config",
                                                     "nodefaults",
                                                     "nodefconfig",
                                                     "nographic",
                                                     "old-param",
                                                     "one-insn-per-tb",
                                                     "only-migratable",
                                                     "portrait",
                                                     "preconfig",
                                                     "sdl",
                                                     "semihosting",
                                                     "show-cursor",
                                                     "singlestep",
                                                     "snapshot",
                                                     "usb",
                                                     "version",
                                                     "win2k-hack"};

// Displays that a PC can have of its own (hw/display; vga_interfaces and default_list of
// system/vl.c). Their presence takes the default one away.
constexpr std::array<std::string_view, 22> kEmulatedDisplays = {"VGA",
                                                                "ati-vga",
                                                                "bochs-display",
                                                                "cirrus-vga",
                                                                "isa-cirrus-vga",
                                                                "isa-vga",
                                                                "qxl",
                                                                "qxl-vga",
                                                                "ramfb",
                                                                "secondary-vga",
                                                                "vhost-user-gpu",
                                                                "vhost-user-gpu-pci",
                                                                "vhost-user-vga",
                                                                "virtio-gpu",
                                                                "virtio-gpu-gl",
                                                                "virtio-gpu-gl-pci",
                                                                "virtio-gpu-pci",
                                                                "virtio-gpu-rutabaga",
                                                                "virtio-gpu-rutabaga-pci",
                                                                "virtio-vga",
                                                                "virtio-vga-gl",
                                                                "vmware-svga"};
// Those whose Hyper-V flags tell nothing: given to hide, or to every guest.
constexpr std::string_view kVendorFlag = "hv-vendor-id";

bool has_unknown_part(std::string_view text) { return text.find(kUnknownPart) != text.npos; }

std::string base_name_of(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// on, yes, true, y (qapi/qapi-util.c, qapi_bool_parse); empty if it is neither.
std::optional<bool> parse_switch(std::string_view value) {
  if (value == "on" || value == "yes" || value == "true" || value == "y") return true;
  if (value == "off" || value == "no" || value == "false" || value == "n") return false;
  return std::nullopt;
}

using Option = std::pair<std::string, std::string>;
using Options = std::vector<Option>;

std::string_view value_of(const Options& options, std::string_view key) {
  // The last one counts (qemu_opt_get).
  const auto found = std::find_if(options.rbegin(), options.rend(),
                                  [key](const Option& option) { return option.first == key; });
  return found == options.rend() ? std::string_view() : std::string_view(found->second);
}

bool has(const Options& options, std::string_view key) {
  return std::ranges::any_of(options, [key](const Option& option) { return option.first == key; });
}

// The text of a JSON value as an option would have it.
std::string json_option(const Json& value) {
  if (const std::string* text = value.as_string()) return *text;
  if (const bool* truth = value.as_bool()) return *truth ? "on" : "off";
  if (const auto number = value.as_unsigned()) return std::to_string(*number);
  return {};
}

// "a,key=value,flag,noflag,text=x,,y" → pairs; the first without "=" belongs to `implied`. A comma
// is written twice (util/qemu-option.c, get_opt_value).
Options split_options(std::string_view text, std::string_view implied) {
  Options options;
  if (text.starts_with('{')) {
    const Result<Json> json = parse_json(text);
    const Json::Object* members = json ? json->as_object() : nullptr;
    if (members == nullptr) return options;
    for (const auto& [key, value] : *members) options.emplace_back(key, json_option(value));
    return options;
  }
  std::size_t at = 0;
  while (at < text.size() && options.size() < kMostArguments) {
    std::string piece;
    for (; at < text.size(); ++at) {
      if (text[at] == ',') {
        if (at + 1 >= text.size() || text[at + 1] != ',') break;
        ++at;
      }
      piece += text[at];
    }
    ++at;
    const std::size_t sign = piece.find('=');
    if (sign != std::string::npos) {
      options.emplace_back(piece.substr(0, sign), piece.substr(sign + 1));
    } else if (options.empty() && !implied.empty()) {
      options.emplace_back(implied, piece);
    } else if (piece.starts_with("no") && piece.size() > 2) {
      options.emplace_back(piece.substr(2), "off");
    } else if (!piece.empty()) {
      options.emplace_back(piece, "on");
    }
  }
  return options;
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

bool is_vfio(std::string_view driver) {
  return driver == "vfio-pci" || driver == "vfio-pci-nohotplug";
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
  if (key == "romfile") device.rom_file = base_name_of(value);
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
  const std::string name = lower_case(base_name_of(path));
  for (const char* part : {"ovmf", "edk2", "qemu_efi", "uefi", "aavmf"}) {
    if (name.find(part) != std::string::npos) return GuestFirmware::Ovmf;
  }
  for (const char* part : {"seabios", "bios-256k", "bios.bin", "bios-microvm"}) {
    if (name.find(part) != std::string::npos) return GuestFirmware::SeaBios;
  }
  return GuestFirmware::Unknown;
}

bool is_emulated_display(std::string_view driver) {
  return std::ranges::find(kEmulatedDisplays, driver) != kEmulatedDisplays.end();
}

bool is_qemu_program(std::string_view program) {
  const std::string name = base_name_of(program);
  // NixOS runs ".qemu-system-x86_64-wrapped", Proxmox VE "kvm".
  return name.find("qemu-system-") != std::string::npos || name == "qemu-kvm" || name == "kvm" ||
         name == "qemu";
}

namespace {

class CommandLine {
 public:
  explicit CommandLine(GuestSettings& settings) : settings_(settings) {}

  void read(std::span<const std::string> arguments) {
    std::size_t i = 0;
    while (i < std::min(arguments.size(), kMostArguments)) {
      std::string_view word = arguments[i++];
      if (has_unknown_part(word)) unknown(word);
      // A word without a hyphen is a disk's image.
      if (word.size() < 2 || !word.starts_with('-')) continue;
      word.remove_prefix(word.starts_with("--") ? 2 : 1);
      if (std::ranges::find(kFlags, word) != kFlags.end()) {
        flag(word);
      } else if (i < arguments.size()) {
        option(word, arguments[i++]);
      }
    }
    if (arguments.size() > kMostArguments) unknown("more than 4096 arguments");
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
    const Options options = split_options(value, "driver");
    const std::string_view driver = value_of(options, "driver");
    if (driver.empty()) unknown(format("-device {}", value));
    if (is_emulated_display(driver)) {
      add_display(driver);
      return true;
    }
    if (!is_vfio(driver)) return has_unknown_part(driver);
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

  // "device.hostdev0.ramfb=on". Options may come in any order: applied at the end.
  bool set_later(std::string_view value) {
    if (!value.starts_with("device.")) return false;
    later_.push_back(value.substr(std::string_view("device.").size()));
    return true;
  }

  // "vfio-pci.display=on" and "driver=vfio-pci,property=display,value=on".
  bool global(std::string_view value) {
    Options options = split_options(value, "");
    std::string driver(value_of(options, "driver"));
    std::string property(value_of(options, "property"));
    std::string text(value_of(options, "value"));
    if (driver.empty() && !options.empty()) {
      const std::string& key = options.front().first;
      driver = key.substr(0, key.find('.'));
      if (driver.size() < key.size()) property = key.substr(driver.size() + 1);
      text = options.front().second;
    }
    if (!is_vfio(driver)) return false;
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
    const Options options = split_options(value, "type");
    if (has(options, "type")) settings_.machine = value_of(options, "type");
    if (has(options, "accel")) settings_.accelerator = value_of(options, "accel");
    // Flash on a PC holds UEFI (docs/system/i386/pc.rst).
    if (has(options, "pflash0")) settings_.firmware = GuestFirmware::Ovmf;
    return true;
  }

  // The window: of several the last counts.
  void set_window(GuestDisplay display) { window_ = std::move(display); }

  bool display(std::string_view value) {
    const Options options = split_options(value, "type");
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
    const Options options = split_options(value, "");
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
    const Options options = split_options(value, "size");
    if (has(options, "size")) settings_.memory_bytes = parse_qemu_size(value_of(options, "size"));
    return true;
  }

  bool read_config(std::string_view value) {
    // Proxmox VE's own name bridges and USB controllers alone.
    if (value.starts_with("/usr/share/qemu-server/pve-") && value.ends_with(".cfg")) return false;
    unknown(format("-readconfig {}", base_name_of(value)));
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
  Options globals_;
};

// --- text → words -----------------------------------------------------------------------------

class WordSplitter {
 public:
  explicit WordSplitter(std::string_view text) : text_(text) {}

  // Empty at the end of the command: an operator, a line's end, or the text's.
  std::optional<std::string> next() {
    skip_blanks();
    if (at_ >= text_.size() || ends_command(text_[at_])) return std::nullopt;
    std::string word;
    while (at_ < text_.size() && !is_blank(text_[at_]) && !ends_command(text_[at_])) add_to(word);
    return word;
  }
  // To the first word of the next command; false at the text's end.
  bool next_command() {
    while (at_ < text_.size() && !ends_command(text_[at_])) {
      std::string ignored;
      add_to(ignored);
    }
    while (at_ < text_.size() && ends_command(text_[at_])) ++at_;
    return at_ < text_.size();
  }

 private:
  static bool is_blank(char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; }
  static bool ends_command(char letter) {
    return letter == '\n' || letter == ';' || letter == '|' || letter == '&';
  }
  [[nodiscard]] bool at_joined_line() const {
    const std::string_view rest = text_.substr(at_);
    return rest.starts_with("\\\n") || rest.starts_with("\\\r\n");
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        ++at_;
      } else if (at_joined_line()) {
        at_ += text_[at_ + 1] == '\r' ? 3U : 2U;
      } else if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  void add_to(std::string& word) {
    const char letter = text_[at_];
    if (letter == '\'') return quoted(word, '\'');
    if (letter == '"') return quoted(word, '"');
    if (letter == '$' || letter == '`') return substitution(word);
    if (at_joined_line()) {
      at_ += text_[at_ + 1] == '\r' ? 3U : 2U;
      return;
    }
    if (letter == '\\' && at_ + 1 < text_.size()) ++at_;
    word += text_[at_++];
  }

  void quoted(std::string& word, char quote) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (quote == '"' && (text_[at_] == '$' || text_[at_] == '`')) {
        substitution(word);
        continue;
      }
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      word += text_[at_++];
    }
    if (at_ < text_.size()) ++at_;
  }

  // $NAME, ${…}, $(…), `…`: what comes out of it nobody knows.
  void substitution(std::string& word) {
    const char first = text_[at_++];
    if (word.empty() || word.back() != kUnknownPart) word += kUnknownPart;
    if (first == '`') {
      at_ = std::min(text_.find('`', at_), text_.size() - 1) + 1;
      return;
    }
    const char open = at_ < text_.size() ? text_[at_] : ' ';
    if (open == '(' || open == '{') {
      const std::size_t close = text_.find(open == '(' ? ')' : '}', at_);
      at_ = close == std::string_view::npos ? text_.size() : close + 1;
      return;
    }
    const auto is_name = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// "LC_ALL=C" before the program.
bool is_assignment(std::string_view word) {
  const std::size_t sign = word.find('=');
  return sign != std::string_view::npos && sign != 0 && !word.starts_with('-') &&
         word.substr(0, sign).find('/') == std::string_view::npos;
}

// --- reduction --------------------------------------------------------------------------------

// Options whose words stay as they are: they name hardware and nothing private.
constexpr std::array<std::string_view, 8> kKeptWhole = {"accel",   "cpu", "display", "m",
                                                        "machine", "M",   "rtc",     "vga"};
constexpr std::array<std::string_view, 8> kKeptSpice = {
    "gl",   "rendernode", "image-compression",  "streaming-video",
    "unix", "port",       "seamless-migration", "disable-ticketing"};
constexpr std::array<std::string_view, 18> kKeptDevice = {"driver",
                                                          "id",
                                                          "host",
                                                          "sysfsdev",
                                                          "display",
                                                          "ramfb",
                                                          "x-igd-opregion",
                                                          "x-igd-legacy-mode",
                                                          "x-igd-lpc",
                                                          "x-vga",
                                                          "x-no-mmap",
                                                          "romfile",
                                                          "rombar",
                                                          "addr",
                                                          "bus",
                                                          "max_outputs",
                                                          "blob",
                                                          "xres"};

std::string kept_options(std::string_view value, std::string_view implied,
                         std::span<const std::string_view> keys) {
  std::string kept;
  for (const auto& [key, text] : split_options(value, implied)) {
    if (std::ranges::find(keys, key) == keys.end()) continue;
    if (!kept.empty()) kept += ',';
    const bool first = kept.empty() && key == implied;
    const std::string plain = key == "romfile" ? base_name_of(text) : text;
    kept += (first ? std::string() : key + "=") + replace_all(plain, ",", ",,");
  }
  return kept;
}

using Kept = std::optional<std::string>;  // empty: the option goes

Kept kept_setting(std::string_view value) {
  if (!value.starts_with("device.")) return std::nullopt;
  const std::size_t sign = value.find('=');
  if (sign == std::string_view::npos) return std::nullopt;
  const std::size_t dot = value.substr(0, sign).rfind('.');
  const std::string_view key = value.substr(dot + 1, sign - dot - 1);
  if (std::ranges::find(kKeptDevice, key) == kKeptDevice.end()) return std::nullopt;
  const std::string_view text = value.substr(sign + 1);
  return std::string(value.substr(0, sign + 1)) +
         (key == "romfile" ? base_name_of(text) : std::string(text));
}

Kept kept_device(std::string_view value) {
  const Options options = split_options(value, "driver");
  const std::string_view driver = value_of(options, "driver");
  if (!is_vfio(driver) && !is_emulated_display(driver)) return std::nullopt;
  return kept_options(value, "driver", kKeptDevice);
}

Kept kept_value(std::string_view name, std::string_view value, std::string_view vm_name) {
  if (std::ranges::find(kKeptWhole, name) != kKeptWhole.end()) return std::string(value);
  if (name == "name") return "guest=" + std::string(vm_name);
  if (name == "spice") {
    const std::string kept = kept_options(value, "", kKeptSpice);
    return kept.empty() ? "port=0" : kept;
  }
  if (name == "vnc") return value == "none" ? "none" : "unix:vnc";
  if (name == "readconfig") {
    const bool is_public = value.starts_with("/usr/share/qemu-server/");
    return is_public ? std::string(value) : base_name_of(value);
  }
  if (name == "bios" || name == "pflash") return base_name_of(value);
  if (name == "kernel") return "kernel";
  if (name == "global") {
    return value.find("vfio-pci") == std::string_view::npos ? Kept() : std::string(value);
  }
  if (name == "drive") {
    const bool is_flash = value_of(split_options(value, "file"), "if") == "pflash";
    return is_flash ? Kept("if=pflash") : std::nullopt;
  }
  if (name == "set") return kept_setting(value);
  return name == "device" ? kept_device(value) : std::nullopt;
}

}  // namespace

std::vector<std::string> split_arguments(std::string_view nul_separated) {
  std::vector<std::string> arguments;
  if (nul_separated.ends_with('\0')) nul_separated.remove_suffix(1);
  if (nul_separated.empty()) return arguments;
  for (const std::string_view word : split(nul_separated, '\0')) arguments.emplace_back(word);
  return arguments;
}

std::vector<std::string> split_shell_words(std::string_view text) {
  std::vector<std::string> arguments;
  WordSplitter splitter(text);
  while (auto word = splitter.next()) {
    if (arguments.size() > kMostArguments) break;
    arguments.push_back(std::move(*word));
  }
  return arguments;
}

std::vector<std::string> split_command_line(std::string_view text) {
  WordSplitter splitter(text);
  do {
    auto word = splitter.next();
    while (word && is_assignment(*word)) word = splitter.next();
    if (!word || !is_qemu_program(*word)) continue;
    std::vector<std::string> arguments = {std::move(*word)};
    while (auto more = splitter.next()) {
      if (arguments.size() > kMostArguments) break;
      arguments.push_back(std::move(*more));
    }
    return arguments;
  } while (splitter.next_command());
  return {};
}

std::string quoted_words(std::span<const std::string> words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += "'" + replace_all(word, "'", "'\\''") + "'";
  }
  return text;
}

void apply_qemu_arguments(std::span<const std::string> arguments, GuestSettings& settings) {
  CommandLine(settings).read(arguments);
}

GuestSettings parse_qemu_command_line(std::span<const std::string> arguments) {
  GuestSettings settings;
  if (arguments.empty()) return settings;
  // Machines of other processors have firmware of their own.
  const std::string program = base_name_of(arguments.front());
  const bool is_other = program.find("qemu-system-") != std::string::npos &&
                        program.find("x86_64") == std::string::npos &&
                        program.find("i386") == std::string::npos;
  if (is_other) settings.firmware = GuestFirmware::Unknown;
  CommandLine line(settings);
  line.read(arguments.subspan(1));
  line.set_defaults();
  return settings;
}

std::vector<std::string> reduced_command_line(std::span<const std::string> arguments,
                                              std::string_view name) {
  std::vector<std::string> kept;
  if (arguments.empty()) return kept;
  // One that a person built is in that person's home.
  const std::string& program = arguments.front();
  const bool is_installed = program.starts_with("/usr/") || program.starts_with("/nix/");
  kept.push_back(is_installed ? program : base_name_of(program));
  std::size_t i = 1;
  while (i < std::min(arguments.size(), kMostArguments)) {
    const std::string& word = arguments[i++];
    if (word.size() < 2 || !word.starts_with('-')) continue;
    const std::string_view option = std::string_view(word).substr(word.starts_with("--") ? 2 : 1);
    if (std::ranges::find(kFlags, option) != kFlags.end()) {
      kept.push_back(word);
      continue;
    }
    if (i >= arguments.size()) break;
    Kept value = kept_value(option, arguments[i++], name);
    if (!value) continue;
    kept.push_back(word);
    kept.push_back(std::move(*value));
  }
  return kept;
}

}  // namespace cleave
