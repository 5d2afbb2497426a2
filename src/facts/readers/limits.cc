#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

// False if the word is neither a number nor "unlimited".
bool parse_limit(std::string_view word, std::optional<std::uint64_t>& limit) {
  if (word == "unlimited") return true;
  limit = parse_unsigned<std::uint64_t>(word);
  return limit.has_value();
}

}  // namespace

Fact<MemoryLockLimit> read_memory_lock_limit(const HostReader& host, const std::string& path) {
  constexpr std::string_view kRow = "Max locked memory";
  const auto text = host.read_file(path);
  if (!text) return fact_from_error<MemoryLockLimit>(text.error(), path);
  for (const std::string_view line : lines(*text)) {
    if (!line.starts_with(kRow)) continue;
    const auto columns = words(line.substr(kRow.size()));
    MemoryLockLimit limit;
    if (columns.size() == 3 && columns[2] == "bytes" && parse_limit(columns[0], limit.soft) &&
        parse_limit(columns[1], limit.hard)) {
      return {limit, path};
    }
  }
  return Unreadable{.path = path, .why = "no row \"Max locked memory\" in bytes"};
}

}  // namespace cleave
