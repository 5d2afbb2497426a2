// When a process began, from what /proc says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cleave {

// Seconds since 1970 at which the machine started: the line "btime" of /proc/stat.
std::optional<std::uint64_t> parse_boot_time(std::string_view stat);

// Seconds from the machine's start to the process's: field 22 of /proc/PID/stat (proc(5)).
std::optional<std::uint64_t> parse_process_start(std::string_view stat);

}  // namespace cleave
