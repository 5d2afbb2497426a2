#include "facts/mdev.h"

#include <array>

#include "base/text.h"

namespace cleave {
namespace {

std::optional<std::uint32_t> number_between(std::string_view line, std::string_view before,
                                            std::string_view after) {
  if (!line.starts_with(before) || !line.ends_with(after)) return std::nullopt;
  if (line.size() < before.size() + after.size()) return std::nullopt;
  line.remove_prefix(before.size());
  line.remove_suffix(after.size());
  return parse_unsigned<std::uint32_t>(line);
}

}  // namespace

std::optional<GvtTypeSize> parse_gvt_description(std::string_view description) {
  constexpr std::string_view kResolution = "resolution: ";
  const auto rows = lines(trim(description));
  if (rows.size() != 5 || !rows[3].starts_with(kResolution)) return std::nullopt;
  const auto low = number_between(rows[0], "low_gm_size: ", "MB");
  const auto high = number_between(rows[1], "high_gm_size: ", "MB");
  const auto fences = number_between(rows[2], "fence: ", "");
  const auto sides = split(rows[3].substr(kResolution.size()), 'x');
  const auto weight = number_between(rows[4], "weight: ", "");
  if (!low || !high || !fences || sides.size() != 2 || !weight) return std::nullopt;
  const auto width = parse_unsigned<std::uint32_t>(sides[0]);
  const auto height = parse_unsigned<std::uint32_t>(sides[1]);
  if (!width || !height) return std::nullopt;
  return GvtTypeSize{.low_gm_mb = *low,
                     .high_gm_mb = *high,
                     .fences = *fences,
                     .width = *width,
                     .height = *height,
                     .weight = *weight};
}

std::optional<std::string> parse_uuid(std::string_view text) {
  // RFC 9562, section 4: 8-4-4-4-12 hexadecimal digits.
  constexpr std::array<size_t, 5> kGroups = {8, 4, 4, 4, 12};
  const auto groups = split(text, '-');
  if (groups.size() != kGroups.size()) return std::nullopt;
  for (size_t i = 0; i < kGroups.size(); ++i) {
    if (groups[i].size() != kGroups[i]) return std::nullopt;
    if (!parse_unsigned<std::uint64_t>(groups[i], 16)) return std::nullopt;
  }
  return lower_case(text);
}

}  // namespace cleave
