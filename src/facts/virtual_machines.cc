#include "facts/virtual_machines.h"

#include "base/text.h"

namespace cleave {

std::optional<QemuVersion> parse_qemu_version(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(dot + 1);
  const auto major = parse_unsigned<std::uint32_t>(text.substr(0, dot));
  const auto minor = parse_unsigned<std::uint32_t>(rest.substr(0, rest.find_first_not_of(kDigits)));
  if (!major || !minor) return std::nullopt;
  return QemuVersion{.major = *major, .minor = *minor};
}

}  // namespace cleave
