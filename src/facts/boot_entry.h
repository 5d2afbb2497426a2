// One entry of a boot loader's menu, whichever loader it is, and the entries of the Boot Loader
// Specification (uapi-group.org/specifications/specs/boot_loader_specification, type 1), which
// GRUB and systemd-boot both read. Pure: text in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

struct BootEntry {
  std::string source;   // the file it stands in
  std::string id;       // "gnulinux-6.8.0-60-generic-advanced-…"; of arch.conf: "arch"
  std::string title;    // "Arch Linux"
  std::string version;  // as the entry says; often empty
  std::string kernel;   // as the loader is told: "/boot/vmlinuz-6.8.0-60-generic"
  std::vector<std::string> initrds;
  // What the kernel gets beside what the loader adds by itself. "$name" stands where a variable
  // stands that only the loader can tell.
  std::string arguments;
  std::vector<std::string> open;      // names of these variables
  std::vector<std::string> possible;  // words that they may stand for, as far as the file tells
  std::string made_by;                // the script that says it wrote the entry
  // Boot counting: "arch+3-1.conf" has three tries left after one.
  std::optional<std::uint32_t> tries_left;
  std::optional<std::uint32_t> tries_done;
  bool recovery = false;    // a rescue or recovery entry
  bool in_submenu = false;  // below "Advanced options"
  bool unified = false;     // kernel is a unified kernel image: its arguments are inside

  bool operator==(const BootEntry&) const = default;
};

// "arch+3-1.conf" → "arch": the name without the counter of tries, which changes at every start
// (systemd.io/AUTOMATIC_BOOT_ASSESSMENT).
std::string entry_id(std::string_view file_name);

// An entry below loader/entries; `file_name` is its name there. Empty if the text is none: it is
// binary, larger than 64 KiB, or no line of it has a key of the specification.
std::optional<BootEntry> parse_loader_entry(std::string_view text, std::string_view file_name);

// loader/loader.conf of systemd-boot, as far as it decides which entry starts.
struct LoaderConfig {
  std::string default_entry;  // a pattern: "arch-*"; "@saved"
  std::string timeout;
};
LoaderConfig parse_loader_config(std::string_view text);

// /etc/kernel/cmdline and its kind: words over any number of lines, with lines of comment. Empty if
// it is something else: binary, larger than 64 KiB, or a loader entry.
std::optional<std::string> parse_command_line_file(std::string_view text);

// Whether these arguments, or this name of an entry, are for repairing the system.
bool is_recovery(std::string_view id, std::string_view arguments);

}  // namespace cleave
