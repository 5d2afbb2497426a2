#include "facts/limine_config.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestText = std::size_t{1} << 20U;
constexpr std::size_t kLongestValue = std::size_t{64} << 10U;
constexpr std::size_t kMostEntries = 1000;
constexpr std::size_t kMostNames = 1000;

bool is_text(std::string_view text) {
  return text.size() <= kLongestText && text.find('\0') == std::string_view::npos;
}

// "boot():/vmlinuz-linux", "uuid(…):/vmlinuz#hash" → "/vmlinuz-linux": the path without where it is
// and the hash behind it.
std::string path_of(std::string_view text) {
  const std::size_t place = text.find("):");
  if (place != std::string_view::npos) text.remove_prefix(place + 2);
  return std::string(text.substr(0, text.find('#')));
}

struct Assignment {
  std::string key;  // lower case
  std::string_view value;
};

// "key: value" of Limine 8, "KEY=VALUE" before.
std::optional<Assignment> assignment_of(std::string_view line) {
  const std::size_t sign = line.find_first_of(":=");
  if (sign == std::string_view::npos || sign == 0) return std::nullopt;
  return Assignment{.key = lower_case(trim(line.substr(0, sign))),
                    .value = trim(line.substr(sign + 1))};
}

void set(BootEntry& entry, const Assignment& assignment, std::string& protocol) {
  const std::string& key = assignment.key;
  if (key == "protocol") protocol = lower_case(assignment.value);
  if (key == "cmdline" || key == "kernel_cmdline") entry.arguments = assignment.value;
  if (key == "path" || key == "kernel_path") entry.kernel = path_of(assignment.value);
  if (key == "module_path" && entry.initrds.size() < kMostEntries) {
    entry.initrds.push_back(path_of(assignment.value));
  }
}

// What may follow an assignment on its line: blanks and a comment.
bool is_end(std::string_view rest) {
  rest = trim(rest);
  return rest.empty() || rest.starts_with('#');
}

// A value in quotes or one word, without anything that a shell would put in.
std::optional<std::string> plain_value(std::string_view text) {
  text = trim(text);
  if (text.size() > kLongestValue) return std::nullopt;
  std::string_view value;
  bool single = false;
  if (text.starts_with('"') || text.starts_with('\'')) {
    single = text.front() == '\'';
    const std::size_t end = text.find(text.front(), 1);
    if (end == std::string_view::npos || !is_end(text.substr(end + 1))) return std::nullopt;
    value = text.substr(1, end - 1);
  } else {
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    if (!is_end(text.substr(end))) return std::nullopt;
    value = text.substr(0, end);
    if (value.find_first_of("\"'") != std::string_view::npos) return std::nullopt;
  }
  if (!single && value.find_first_of("$`\\") != std::string_view::npos) return std::nullopt;
  return std::string(value);
}

void set_command_line(LimineDefaults& defaults, std::string_view name, bool append,
                      std::string_view text) {
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
      name.front() == name.back()) {
    name = name.substr(1, name.size() - 2);
  }
  const std::string key(name);
  const auto found = defaults.command_lines.find(key);
  if (found == defaults.command_lines.end() && defaults.command_lines.size() >= kMostNames) return;
  std::optional<std::string> value = plain_value(text);
  if (append && found != defaults.command_lines.end()) {
    if (!found->second) {
      value.reset();
    } else if (value) {
      value = *found->second + *value;
    }
  }
  if (value && value->size() > kLongestValue) value.reset();
  defaults.command_lines.insert_or_assign(key, std::move(value));
}

}  // namespace

std::vector<BootEntry> parse_limine_config(std::string_view text) {
  std::vector<BootEntry> entries;
  if (!is_text(text)) return entries;
  BootEntry entry;
  std::string protocol;
  bool inside = false;
  const auto finish = [&] {
    const bool starts_linux = protocol == "linux" || (protocol.empty() && !entry.kernel.empty());
    const bool starts_image =
        protocol == "efi" || protocol == "efi_chainload" || protocol == "uefi";
    entry.unified = starts_image && entry.kernel.contains("/EFI/Linux/");
    entry.recovery = is_recovery("", entry.arguments);
    if (inside && (starts_linux || entry.unified) && entries.size() < kMostEntries) {
      entries.push_back(std::move(entry));
    }
    entry = BootEntry();
    protocol.clear();
  };
  for (const std::string_view raw : lines(text)) {
    const std::string_view line = trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.front() == '/' || line.front() == ':') {
      finish();
      inside = true;
      const std::size_t depth = std::min(line.find_first_not_of(line.front()), line.size());
      std::string_view title = line.substr(depth);
      if (title.starts_with('+')) title.remove_prefix(1);  // an open directory
      entry.title = printable(trim(title));
      entry.in_submenu = depth > 1;
      continue;
    }
    if (const auto assignment = assignment_of(line); assignment && inside) {
      set(entry, *assignment, protocol);
    }
  }
  finish();
  return entries;
}

LimineDefaults parse_limine_defaults(std::string_view text, LimineDefaults before) {
  constexpr std::string_view kCommandLine = "KERNEL_CMDLINE[";
  constexpr std::string_view kUnified = "ENABLE_UKI=";
  if (!is_text(text)) return before;
  for (const std::string_view raw : lines(text)) {
    std::string_view line = trim(raw);
    if (line.starts_with(kUnified)) {
      before.unified = plain_value(line.substr(kUnified.size())) == "yes";
    }
    if (!line.starts_with(kCommandLine)) continue;
    line.remove_prefix(kCommandLine.size());
    const std::size_t end = line.find(']');
    if (end == std::string_view::npos) continue;
    std::string_view rest = line.substr(end + 1);
    const bool append = rest.starts_with('+');
    if (append) rest.remove_prefix(1);
    if (!rest.starts_with('=')) continue;
    set_command_line(before, line.substr(0, end), append, rest.substr(1));
  }
  return before;
}

}  // namespace cleave
