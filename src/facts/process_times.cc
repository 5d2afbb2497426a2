#include "facts/process_times.h"

#include "base/text.h"

namespace cleave {

std::optional<std::uint64_t> parse_boot_time(std::string_view stat) {
  constexpr std::string_view kName = "btime ";
  for (const std::string_view line : lines(stat)) {
    if (line.starts_with(kName))
      return parse_unsigned<std::uint64_t>(trim(line.substr(kName.size())));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_process_start(std::string_view stat) {
  // USER_HZ, in which the kernel tells times, is 100 on every architecture that has KVM
  // (include/asm-generic/param.h).
  constexpr std::uint64_t kTicksOfASecond = 100;
  constexpr std::size_t kStart = 22 - 3;  // counted from the state, which is field 3
  // The name before it stands in brackets, and may hold blanks and brackets itself.
  const std::size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string_view::npos) return std::nullopt;
  const auto fields = words(trim(stat.substr(end_of_name + 1)));
  if (fields.size() <= kStart) return std::nullopt;
  const auto ticks = parse_unsigned<std::uint64_t>(fields[kStart]);
  if (!ticks) return std::nullopt;
  return *ticks / kTicksOfASecond;
}

}  // namespace cleave
