#include "facts/boot_entry.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "facts/kernel.h"

namespace cleave {
namespace {

// An entry has a few hundred bytes; systemd-boot itself reads no more than its pool allows.
constexpr std::size_t kLongestFile = std::size_t{64} << 10U;
constexpr std::size_t kMostInitrds = 100;
constexpr std::string_view kEnding = ".conf";

// Keys of the specification, and those that Fedora's GRUB adds (grub_users, …).
constexpr std::array<std::string_view, 17> kKeys = {
    "title",        "version",    "machine-id", "sort-key",   "linux",      "initrd",
    "efi",          "uki",        "uki-url",    "options",    "devicetree", "devicetree-overlay",
    "architecture", "grub_users", "grub_arg",   "grub_class", "profile"};
// Of these a command line does not begin with one. "option" is a usual slip of the pen.
constexpr std::array<std::string_view, 7> kKeysOfLines = {"title", "version", "linux", "initrd",
                                                          "efi",   "options", "option"};

bool is_text(std::string_view text) {
  return text.size() <= kLongestFile && text.find('\0') == std::string_view::npos;
}

struct Line {
  std::string_view key;
  std::string_view value;
};

Line key_and_value(std::string_view line) {
  line = trim(line);
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  return {.key = line.substr(0, end), .value = trim(line.substr(end))};
}

void append_words(std::string& text, std::string_view more) {
  if (!text.empty() && !more.empty()) text += ' ';
  text += more;
}

// "arch+3-1" → "arch", 3, 1.
void take_tries(std::string& id, BootEntry& entry) {
  const std::size_t plus = id.rfind('+');
  if (plus == std::string::npos) return;
  const std::string_view count = std::string_view(id).substr(plus + 1);
  const std::size_t dash = count.find('-');
  const auto left = parse_unsigned<std::uint32_t>(count.substr(0, dash));
  if (!left) return;
  if (dash != std::string_view::npos) {
    const auto done = parse_unsigned<std::uint32_t>(count.substr(dash + 1));
    if (!done) return;
    entry.tries_done = done;
  }
  entry.tries_left = left;
  id.resize(plus);
}

void set(BootEntry& entry, const Line& line) {
  if (line.key == "title") entry.title = printable(line.value);
  if (line.key == "version") entry.version = printable(line.value);
  if (line.key == "options") append_words(entry.arguments, line.value);
  if (line.key == "linux") entry.kernel = line.value;
  if (line.key == "efi" || line.key == "uki") {
    entry.kernel = line.value;
    entry.unified = true;
  }
  if (line.key != "initrd") return;
  // GRUB takes several in one line; a path with a blank in it is none on any distribution.
  for (const std::string_view initrd : words(line.value)) {
    if (entry.initrds.size() < kMostInitrds) entry.initrds.emplace_back(initrd);
  }
}

}  // namespace

std::string entry_id(std::string_view file_name) {
  if (file_name.ends_with(kEnding)) file_name.remove_suffix(kEnding.size());
  std::string id(file_name);
  BootEntry no_matter;
  take_tries(id, no_matter);
  return id;
}

std::optional<BootEntry> parse_loader_entry(std::string_view text, std::string_view file_name) {
  if (!is_text(text)) return std::nullopt;
  // "# File created by /usr/lib/kernel/install.d/90-loaderentry.install (systemd 252)"
  constexpr std::string_view kMaker = "File created by ";
  BootEntry entry;
  if (file_name.ends_with(kEnding)) file_name.remove_suffix(kEnding.size());
  entry.id = file_name;
  take_tries(entry.id, entry);
  bool any = false;
  for (const std::string_view raw : lines(text)) {
    const std::string_view line = trim(raw);
    if (line.starts_with('#')) {
      const std::size_t maker = line.find(kMaker);
      if (maker == std::string_view::npos || !entry.made_by.empty()) continue;
      const auto parts = words(line.substr(maker + kMaker.size()));
      if (!parts.empty()) entry.made_by = printable(parts.front());
      continue;
    }
    const Line found = key_and_value(line);
    if (std::ranges::find(kKeys, found.key) == kKeys.end()) continue;
    any = true;
    set(entry, found);
  }
  if (!any) return std::nullopt;
  // Type 1 entries may name any program with "efi": one that has options is a kernel.
  if (entry.unified && !entry.arguments.empty()) entry.unified = false;
  entry.recovery = is_recovery(entry.id, entry.arguments);
  return entry;
}

LoaderConfig parse_loader_config(std::string_view text) {
  LoaderConfig config;
  if (!is_text(text)) return config;
  for (const std::string_view raw : lines(text)) {
    const Line line = key_and_value(raw);
    if (line.key == "default") config.default_entry = printable(line.value);
    if (line.key == "timeout") config.timeout = printable(line.value);
  }
  return config;
}

std::optional<std::string> parse_command_line_file(std::string_view text) {
  if (!is_text(text)) return std::nullopt;
  std::string arguments;
  for (const std::string_view raw : lines(text)) {
    const std::string_view line = trim(raw);
    // kernel-install drops these lines (90-loaderentry.install), ukify too.
    if (line.starts_with('#') || line.empty()) continue;
    const Line found = key_and_value(line);
    const bool is_entry =
        !found.value.empty() && std::ranges::find(kKeysOfLines, found.key) != kKeysOfLines.end();
    if (is_entry) return std::nullopt;
    append_words(arguments, line);
  }
  return arguments;
}

bool is_recovery(std::string_view id, std::string_view arguments) {
  if (id.find("-recovery-") != std::string_view::npos) return true;
  if (id.find("-0-rescue") != std::string_view::npos) return true;  // Fedora's, by dracut-config
  for (const KernelArgument& argument : parse_kernel_command_line(arguments).arguments) {
    const std::string& name = argument.name;
    if (!argument.value) {
      // What systemd-debug-generator and Ubuntu's friendly-recovery look for.
      for (const char* word : {"single", "recovery", "rescue", "emergency", "s", "S", "1"}) {
        if (name == word) return true;
      }
    } else if (name == "systemd.unit") {
      return argument.value->starts_with("rescue.") || argument.value->starts_with("emergency.");
    }
  }
  return false;
}

}  // namespace cleave
