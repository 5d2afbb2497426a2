#include "install/virtio_drivers.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// Disk (virtio-blk), disk (virtio-scsi) and network; their folders on virtio-win's disc.
constexpr std::array kDrivers = {"viostor", "vioscsi", "NetKVM"};
constexpr const char* kArchitecture = "amd64";

// Beside them are files for debuggers (.pdb), of several megabytes.
bool is_part_of_driver(std::string_view file) {
  const std::string lower = lower_case(file);
  return lower.ends_with(".inf") || lower.ends_with(".sys") || lower.ends_with(".cat") ||
         lower.ends_with(".dll") || lower.ends_with(".exe");
}

}  // namespace

std::vector<std::string> virtio_versions(std::string_view windows) {
  if (windows == "11") return {"w11", "w10"};  // discs before 2021 have no folder w11
  return {"w10"};
}

std::optional<std::string> setup_driver_place(std::string_view path, std::string_view version) {
  const std::vector<std::string_view> steps = split(path, '/');
  if (steps.size() != 4 || !is_part_of_driver(steps[3])) return std::nullopt;
  if (lower_case(steps[1]) != version || lower_case(steps[2]) != kArchitecture) {
    return std::nullopt;
  }
  for (const char* driver : kDrivers) {
    if (lower_case(steps[0]) == lower_case(driver)) {
      return format("{}/{}/{}", kSetupDriverFolder, driver, steps[3]);
    }
  }
  return std::nullopt;
}

std::vector<std::string> missing_setup_drivers(const std::vector<std::string>& places) {
  std::vector<std::string> missing;
  for (const char* driver : kDrivers) {
    const std::string folder = format("{}/{}/", kSetupDriverFolder, driver);
    const bool there = std::ranges::any_of(places, [&folder](const std::string& place) {
      return place.starts_with(folder) && lower_case(place).ends_with(".inf");
    });
    if (!there) missing.emplace_back(driver);
  }
  return missing;
}

}  // namespace cleave
