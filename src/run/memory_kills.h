// Programs that the kernel ended because memory ran out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cleave {

// How many since the machine's start, those of memory cgroups included (`oom_kill` of /proc/vmstat,
// __oom_kill_process() in mm/oom_kill.c). Empty: the kernel does not tell (before 4.13).
std::optional<std::uint64_t> memory_kills();

// Of such a text.
std::optional<std::uint64_t> memory_kills_in(std::string_view vmstat);

}  // namespace cleave
