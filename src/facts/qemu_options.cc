#include "facts/qemu_options.h"

#include <algorithm>

#include "base/json.h"
#include "facts/qemu_command_line.h"

namespace cleave {
namespace {

// DEF with HAS_ARG 0 in qemu-options.hx, QEMU 10.0, and those of older versions.
constexpr std::string_view kFlags =
    " S alt-grab async-teardown audio-help ctrl-grab curses daemonize enable-fips "
    "enable-kvm enable-sync-profile full-screen h help localtime mem-prealloc no-acpi "
    "no-fd-bootchk no-frame no-hpet no-kvm no-kvm-irqchip no-kvm-pit "
    "no-kvm-pit-reinjection no-quit no-reboot no-shutdown no-user-config nodefaults "
    "nodefconfig nographic old-param one-insn-per-tb only-migratable portrait preconfig "
    "sdl semihosting show-cursor singlestep snapshot usb version win2k-hack ";

// Displays that a PC can have of its own (hw/display; default_list of system/vl.c). Their presence
// takes the default one away.
constexpr std::string_view kEmulatedDisplays =
    " VGA ati-vga bochs-display cirrus-vga isa-cirrus-vga isa-vga qxl qxl-vga ramfb "
    "secondary-vga vhost-user-gpu vhost-user-gpu-pci vhost-user-vga virtio-gpu "
    "virtio-gpu-gl virtio-gpu-gl-pci virtio-gpu-pci virtio-gpu-rutabaga "
    "virtio-gpu-rutabaga-pci virtio-vga virtio-vga-gl vmware-svga ";

// The text of a JSON value as an option would have it.
std::string json_option(const Json& value) {
  if (const std::string* text = value.as_string()) return *text;
  if (const bool* truth = value.as_bool()) return *truth ? "on" : "off";
  if (const auto number = value.as_unsigned()) return std::to_string(*number);
  return {};
}

}  // namespace

std::string_view value_of(const QemuOptions& options, std::string_view key) {
  const auto found = std::find_if(options.rbegin(), options.rend(),
                                  [key](const auto& option) { return option.first == key; });
  return found == options.rend() ? std::string_view() : std::string_view(found->second);
}

bool has_option(const QemuOptions& options, std::string_view key) {
  return std::ranges::any_of(options, [key](const auto& option) { return option.first == key; });
}

QemuOptions split_options(std::string_view text, std::string_view implied) {
  QemuOptions options;
  if (text.starts_with('{')) {
    const Result<Json> json = parse_json(text);
    const Json::Object* members = json ? json->as_object() : nullptr;
    if (members == nullptr) return options;
    for (const auto& [key, value] : *members) options.emplace_back(key, json_option(value));
    return options;
  }
  std::size_t at = 0;
  while (at < text.size() && options.size() < kMostQemuArguments) {
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
std::optional<bool> parse_switch(std::string_view value) {
  if (value == "on" || value == "yes" || value == "true" || value == "y") return true;
  if (value == "off" || value == "no" || value == "false" || value == "n") return false;
  return std::nullopt;
}

bool is_word_of(std::string_view list, std::string_view word) {
  const std::size_t at = word.empty() ? std::string_view::npos : list.find(word);
  if (at == std::string_view::npos || word.find(' ') != std::string_view::npos) return false;
  std::string with_blanks = " ";
  with_blanks.append(word).append(" ");
  return list.find(with_blanks) != std::string_view::npos;
}

bool is_qemu_flag(std::string_view option) { return is_word_of(kFlags, option); }

bool is_emulated_display(std::string_view driver) { return is_word_of(kEmulatedDisplays, driver); }

bool is_vfio_driver(std::string_view driver) {
  return driver == "vfio-pci" || driver == "vfio-pci-nohotplug";
}

std::string last_part(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace cleave
