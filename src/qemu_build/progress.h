// What ninja and the compilers print, understood.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

struct NinjaProgress {
  std::uint32_t done = 0;
  std::uint32_t total = 0;
};
// "[12/1034] Compiling …" (ninja's NINJA_STATUS, which cleave sets). Empty for other lines.
std::optional<NinjaProgress> ninja_progress(std::string_view line);

// Seconds that are left, judged by the speed since `first`; empty while too little is known.
std::optional<std::uint64_t> seconds_left(const NinjaProgress& first, const NinjaProgress& now,
                                          double seconds);

// Which tenth of the whole is done: 0 to 10. 10 only when all is done.
std::uint32_t tenths(const NinjaProgress& progress);

// The first lines of a log that say what is wrong: "FAILED:", "error:", "ERROR:", "fatal error:".
std::vector<std::string> first_errors(std::string_view log, std::size_t most);

// Whether the log says that the disk is full.
bool says_disk_full(std::string_view log);

}  // namespace cleave
