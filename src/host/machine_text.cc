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

// "/usr/bin/kvm f 0755 18397984 1716600000000000000": mode, bytes, nanoseconds since 1970. What is
// in it nobody kept. False if it is not of this form.
bool add_status_entry(MemoryHost& host, const std::vector<std::string_view>& parts) {
  if (parts.size() != 5 || parts[1] != "f") return false;
  const auto mode = parse_unsigned<std::uint32_t>(parts[2], 8);
  const auto size = parse_unsigned<std::uint64_t>(parts[3]);
  const auto modified = parse_unsigned<std::uint64_t>(parts[4]);
  if (!mode || !size || !modified) return false;
  MemoryNode node;
  node.status = {.kind = FileKind::Regular, .mode = *mode, .size = *size, .modified = *modified};
  node.read_error = kNotCaptured;
  host.set_node(parts[0], std::move(node));
  return true;
}

constexpr std::string_view kHexadecimal = " hex";

std::string_view path_of_file(std::string_view entry) {
  return entry.ends_with(kHexadecimal) ? entry.substr(0, entry.size() - kHexadecimal.size())
                                       : entry;
}

// Two hexadecimal digits a byte, blanks between them as you like.
std::optional<std::string> bytes_from_hexadecimal(std::string_view text) {
  std::string bytes;
  std::string digits;
  for (const char character : text) {
    if (character == ' ' || character == '\n') continue;
    digits += character;
    if (digits.size() < 2) continue;
    const auto byte = parse_unsigned<std::uint8_t>(digits, 16);
    if (!byte) return std::nullopt;
    bytes += static_cast<char>(*byte);
    digits.clear();
  }
  return digits.empty() ? std::optional(std::move(bytes)) : std::nullopt;
}

// The entry line without its "== ". True if a file's content follows.
std::optional<bool> add_entry(MemoryHost& host, std::string_view entry) {
  if (!entry.starts_with('/')) return std::nullopt;
  if (const size_t arrow = entry.find(" -> "); arrow != std::string_view::npos) {
    host.add_link(entry.substr(0, arrow), std::string(entry.substr(arrow + 4)));
    return false;
  }
  if (const size_t mark = entry.rfind(" !"); mark != std::string_view::npos) {
    if (entry.substr(mark + 2) == "ENOENT") {
      host.forget(entry.substr(0, mark));
      return false;
    }
    const auto number = errno_by_name(entry.substr(mark + 2));
    if (!number) return std::nullopt;
    host.add_unreadable(entry.substr(0, mark), *number);
    return false;
  }
  if (entry.ends_with('/')) {
    host.add_directory(entry);
    return false;
  }
  const std::vector<std::string_view> parts = words(entry);
  if (add_device_entry(host, parts) || add_status_entry(host, parts)) return false;
  host.add_file(path_of_file(entry), "");
  return true;
}

constexpr std::string_view kInclude = "== include ";
constexpr int kIncludeDepth = 4;

// A plain file name: nothing outside the directory can be named.
bool is_machine_name(std::string_view name) {
  return name.ends_with(".machine") && name.find('/') == std::string_view::npos;
}

// The text with all that it includes. Lines before an included file's first entry are comments.
Result<std::string> expand(std::string_view text, const MachineInclude& include, int depth) {
  std::string whole;
  std::size_t line_number = 0;
  for (const std::string_view line : lines(text)) {
    ++line_number;
    if (!line.starts_with(kInclude)) {
      whole.append(line).append("\n");
    } else {
      const std::string name(trim(line.substr(kInclude.size())));
      if (!include || depth == 0 || !is_machine_name(name)) return malformed(line_number, line);
      const std::string content = TRY(include(name));
      const std::size_t first = content.starts_with(kEntry) ? 0 : content.find("\n== ");
      const std::string_view entries =
          std::string_view(content).substr(std::min(first, content.size()));
      whole += TRY(expand(entries, include, depth - 1));
    }
    if (whole.size() > kMaximumSize) return malformed(line_number, "larger than 32 MiB");
  }
  return whole;
}

}  // namespace

Result<MemoryHost> parse_machine(std::string_view text, const MachineInclude& include) {
  if (text.size() > kMaximumSize) return malformed(0, "larger than 32 MiB");
  std::string whole;
  if (text.starts_with(kInclude) || text.find("\n== include ") != std::string_view::npos) {
    whole = TRY(expand(text, include, kIncludeDepth));
    text = whole;
  }
  MemoryHost host;
  std::optional<std::string> open_path;  // the file whose content is being read
  std::string content;
  const auto close_file = [&] {
    const bool coded = open_path && open_path->ends_with(kHexadecimal);
    std::optional<std::string> bytes = coded ? bytes_from_hexadecimal(content) : std::move(content);
    if (open_path && bytes) host.add_file(path_of_file(*open_path), std::move(*bytes));
    content.clear();
    open_path.reset();
    return bytes.has_value();
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
    if (!close_file()) return malformed(line_number, "not in hexadecimal digits");
    const std::string_view entry = trim(line.substr(kEntry.size()));
    cost += entry.size() * static_cast<std::size_t>(std::ranges::count(entry, '/'));
    const bool is_small = entry.size() <= kMaximumPath && cost <= kMaximumCost;
    if (!is_small || ++entries > kMaximumEntries) return malformed(line_number, line);
    const auto has_content = add_entry(host, entry);
    if (!has_content) return malformed(line_number, line);
    if (*has_content) open_path = entry;
  }
  if (!close_file()) return malformed(line_number, "not in hexadecimal digits");
  return host;
}

}  // namespace cleave
