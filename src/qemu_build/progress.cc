#include "qemu_build/progress.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestLine = 300;

bool is_error(std::string_view line) {
  if (line.starts_with("FAILED:") || line.starts_with("ERROR:")) return true;
  return std::ranges::any_of(
      std::vector<std::string_view>{": error:", ": fatal error:", " ERROR: ", "undefined reference",
                                    "ninja: error:", "No space left on device"},
      [line](std::string_view sign) { return line.find(sign) != std::string_view::npos; });
}

}  // namespace

std::optional<NinjaProgress> ninja_progress(std::string_view line) {
  const std::size_t slash = line.find('/');
  const std::size_t end = line.find("] ");
  if (!line.starts_with('[') || slash == std::string_view::npos || end == std::string_view::npos ||
      end < slash) {
    return std::nullopt;
  }
  const auto done = parse_unsigned<std::uint32_t>(line.substr(1, slash - 1));
  const auto total = parse_unsigned<std::uint32_t>(line.substr(slash + 1, end - slash - 1));
  if (!done || !total || *total == 0 || *done > *total) return std::nullopt;
  return NinjaProgress{.done = *done, .total = *total};
}

std::optional<std::uint64_t> seconds_left(const NinjaProgress& first, const NinjaProgress& now,
                                          double seconds) {
  // The first files are none to judge by: generated sources, and then hundreds of small ones.
  constexpr std::uint32_t kEnough = 20;
  constexpr double kEnoughSeconds = 5;
  if (now.done < first.done + kEnough || seconds < kEnoughSeconds) return std::nullopt;
  const double each = seconds / (now.done - first.done);
  return static_cast<std::uint64_t>(each * (now.total - now.done));
}

std::uint32_t tenths(const NinjaProgress& progress) {
  if (progress.total == 0) return 0;
  return static_cast<std::uint32_t>(std::uint64_t{progress.done} * 10 / progress.total);
}

std::vector<std::string> first_errors(std::string_view log, std::size_t most) {
  std::vector<std::string> found;
  for (const std::string_view line : lines(log)) {
    if (found.size() >= most) break;
    if (!is_error(line)) continue;
    found.push_back(printable(line.substr(0, kLongestLine)));
  }
  return found;
}

bool says_disk_full(std::string_view log) {
  // strerror(ENOSPC), as compilers, ninja and tar print it in the C locale.
  return log.find("No space left on device") != std::string_view::npos;
}

}  // namespace cleave
