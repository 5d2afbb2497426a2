// What a supervisor is told of the QEMU that it shall start.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "run/companions.h"
#include "run/disk_trouble.h"

namespace cleave {

struct LaunchSpec {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment{};  // replaces single variables
  std::chrono::milliseconds limit = std::chrono::minutes(1);       // for QEMU's monitor to answer
  std::vector<CompanionSpec> companions{};  // started before QEMU, ended after it
  // For the guest's first processors the host's, by number.
  std::vector<std::vector<std::uint32_t>> pin{};
  DiskNames disks{};  // for what is told of a disk that is full
};

Json to_json(const LaunchSpec& spec);
// What is missing or of another kind stays empty: both sides are the same program.
LaunchSpec launch_from_json(const Json& json);

}  // namespace cleave
