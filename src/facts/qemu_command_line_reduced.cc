// What of a command line is kept in a capture.
#include "base/text.h"
#include "facts/qemu_command_line.h"
#include "facts/qemu_options.h"

namespace cleave {
namespace {

// Options whose words stay as they are: they name hardware and nothing private.
constexpr std::string_view kKeptWhole = " accel cpu display m machine M rtc vga ";
constexpr std::string_view kKeptSpice =
    " gl rendernode image-compression streaming-video unix port seamless-migration "
    "disable-ticketing ";
constexpr std::string_view kKeptDevice =
    " driver id host sysfsdev display ramfb x-igd-opregion x-igd-legacy-mode x-igd-lpc "
    "x-vga x-no-mmap romfile rombar addr bus max_outputs blob xres ";

std::string kept_options(std::string_view value, std::string_view implied, std::string_view keys) {
  std::string kept;
  for (const auto& [key, text] : split_options(value, implied)) {
    if (!is_word_of(keys, key)) continue;
    if (!kept.empty()) kept += ',';
    const bool first = kept.empty() && key == implied;
    const std::string plain = key == "romfile" ? last_part(text) : text;
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
  if (!is_word_of(kKeptDevice, key)) return std::nullopt;
  const std::string_view text = value.substr(sign + 1);
  return std::string(value.substr(0, sign + 1)) +
         (key == "romfile" ? last_part(text) : std::string(text));
}

Kept kept_device(std::string_view value) {
  const QemuOptions options = split_options(value, "driver");
  const std::string_view driver = value_of(options, "driver");
  if (!is_vfio_driver(driver) && !is_emulated_display(driver)) return std::nullopt;
  return kept_options(value, "driver", kKeptDevice);
}

Kept kept_value(std::string_view name, std::string_view value, std::string_view vm_name) {
  if (is_word_of(kKeptWhole, name)) return std::string(value);
  if (name == "name") return "guest=" + std::string(vm_name);
  if (name == "spice") {
    const std::string kept = kept_options(value, "", kKeptSpice);
    return kept.empty() ? "port=0" : kept;
  }
  if (name == "vnc") return value == "none" ? "none" : "unix:vnc";
  if (name == "readconfig") {
    const bool is_public = value.starts_with("/usr/share/qemu-server/");
    return is_public ? std::string(value) : last_part(value);
  }
  if (name == "bios" || name == "pflash") return last_part(value);
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

std::vector<std::string> reduced_command_line(std::span<const std::string> arguments,
                                              std::string_view name) {
  std::vector<std::string> kept;
  if (arguments.empty()) return kept;
  // One that a person built is in that person's home.
  const std::string& program = arguments.front();
  const bool is_installed = program.starts_with("/usr/") || program.starts_with("/nix/");
  kept.push_back(is_installed ? program : last_part(program));
  std::size_t i = 1;
  while (i < std::min(arguments.size(), kMostQemuArguments)) {
    const std::string& word = arguments[i++];
    if (word.size() < 2 || !word.starts_with('-')) continue;
    const std::string_view option = std::string_view(word).substr(word.starts_with("--") ? 2 : 1);
    if (is_qemu_flag(option)) {
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
