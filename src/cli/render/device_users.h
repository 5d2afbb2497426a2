// Who has a device open and since when, for people and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "facts/pci.h"

namespace cleave {

// "2026-11-26 20:45", in this machine's time zone.
std::string time_text(std::uint64_t seconds);

// "20:45:01"
std::string clock_text(std::uint64_t seconds);

// "4242 (qemu-system-x86) since 2026-11-26 20:45, …"; empty for none.
std::string users_text(const std::vector<DeviceUser>& users);

// Times in seconds since 1970.
Json users_json(const std::vector<DeviceUser>& users);

}  // namespace cleave
