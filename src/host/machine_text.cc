// Reads *.machine files; the format is described in host/memory_host.h.
#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/text.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumSize = std::size_t{32} << 20U;
constexpr int kMaximumEntries = 100'000;
// Every parent of a path is kept with its own path: a deep one costs the square of its length.
constexpr std::size_t kMaximumPath = 1024;  // those of sysfs have up to 200 bytes
constexpr std::size_t kMaximumCost = std::size_t{64} << 20U;
constexpr std::string_view kEntry = "== ";
constexpr std::string_view kEscapedEntry = "\\==";

struct NamedErrno {
  std::string_view name;
  int number;
};
constexpr std::array kErrnoNames = {NamedErrno{"EACCES", EACCES}, NamedErrno{"EPERM", EPERM},
                                    NamedErrno{"EIO", EIO},       NamedErrno{"ENODEV", ENODEV},
                                    NamedErrno{"EINVAL", EINVAL}, NamedErrno{"EBUSY", EBUSY}};

Error malformed(std::size_t line, std::string_view text) {
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = Message(N_("Line {line} of the machine file is not understood: {text}"),
                          {{"line", line}, {"text", printable(text)}});
  return error;
}

std::optional<int> errno_by_name(std::string_view name) {
  for (const NamedErrno& known : kErrnoNames) {
    if (known.name == name) return known.number;
  }
  return std::nullopt;
}

// "/dev/kvm c 10:232 0660" without the path. False if it is not of this form.
bool add_device_entry(MemoryHost& host, const std::vector<std::string_view>& parts) {
  if (parts.size() != 4 || parts[1] != "c") return false;
  const auto numbers = split(parts[2], ':');
  const auto mode = parse_unsigned<std::uint32_t>(parts[3], 8);
  if (numbers.size() != 2 || !mode) return false;
  const auto major = parse_unsigned<std::uint32_t>(numbers[0]);
  const auto minor = parse_unsigned<std::uint32_t>(numbers[1]);
  if (!major || !minor) return false;
  host.add_device(parts[0], *mode, *major, *minor);
  return true;
}

// The entry line without its "== ". True if a file's content follows.
std::optional<bool> add_entry(MemoryHost& host, std::string_view entry) {
  if (!entry.starts_with('/')) return std::nullopt;
  if (const size_t arrow = entry.find(" -> "); arrow != std::string_view::npos) {
    host.add_link(entry.substr(0, arrow), std::string(entry.substr(arrow + 4)));
    return false;
  }
  if (const size_t mark = entry.rfind(" !"); mark != std::string_view::npos) {
    const auto number = errno_by_name(entry.substr(mark + 2));
    if (!number) return std::nullopt;
    host.add_unreadable(entry.substr(0, mark), *number);
    return false;
  }
  if (entry.ends_with('/')) {
    host.add_directory(entry);
    return false;
  }
  if (add_device_entry(host, words(entry))) return false;
  host.add_file(entry, "");
  return true;
}

}  // namespace

Result<MemoryHost> parse_machine(std::string_view text) {
  if (text.size() > kMaximumSize) return malformed(0, "larger than 32 MiB");
  MemoryHost host;
  std::optional<std::string> open_path;  // the file whose content is being read
  std::string content;
  const auto close_file = [&] {
    if (open_path) host.add_file(*open_path, std::move(content));
    content.clear();
    open_path.reset();
  };
  std::size_t line_number = 0;
  std::size_t cost = 0;
  int entries = 0;
  for (std::string_view line : lines(text)) {
    ++line_number;
    if (!line.starts_with(kEntry)) {
      if (line.starts_with(kEscapedEntry)) line.remove_prefix(1);
      if (open_path) content.append(line).append("\n");
      continue;
    }
    close_file();
    const std::string_view entry = trim(line.substr(kEntry.size()));
    cost += entry.size() * static_cast<std::size_t>(std::ranges::count(entry, '/'));
    const bool is_small = entry.size() <= kMaximumPath && cost <= kMaximumCost;
    if (!is_small || ++entries > kMaximumEntries) return malformed(line_number, line);
    const auto has_content = add_entry(host, entry);
    if (!has_content) return malformed(line_number, line);
    if (*has_content) open_path = entry;
  }
  close_file();
  return host;
}

}  // namespace cleave
