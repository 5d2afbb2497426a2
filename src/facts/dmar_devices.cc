#include "facts/dmar_devices.h"

#include <algorithm>

namespace cleave {
namespace {

// VMD's buses are no part of the firmware's picture: the path ends at the VMD device.
PciPath visible_part(PciPath path) {
  const auto foreign = std::ranges::find_if(
      path, [&path](const PciAddress& hop) { return hop.domain != path.front().domain; });
  return path.first(static_cast<std::size_t>(foreign - path.begin()));
}

bool same_hop(const PciPathStep& step, const PciAddress& hop) {
  return step.device == hop.device && step.function == hop.function;
}

bool names_exactly(const DeviceScope& scope, PciPath path) {
  return !path.empty() && scope.start_bus == path.front().bus &&
         std::ranges::equal(scope.path, path, same_hop);
}

// Some firmware gives the bus that the device is on instead of the path to it
// (dmar_match_pci_path in drivers/iommu/intel/dmar.c works around it in the same way).
bool names_by_own_bus(const DeviceScope& scope, PciPath path) {
  return !path.empty() && scope.path.size() == 1 && scope.start_bus == path.back().bus &&
         same_hop(scope.path.front(), path.back());
}

bool names(const DeviceScope& scope, PciPath path) {
  return names_exactly(scope, path) || names_by_own_bus(scope, path);
}

bool covers_any(const DmarStructure& structure, std::uint16_t segment, PciPath path) {
  return std::ranges::any_of(structure.device_scopes, [&](const DeviceScope& scope) {
    return covers(scope, segment, path);
  });
}

}  // namespace

bool covers(const DeviceScope& scope, std::uint16_t segment, PciPath path) {
  if (path.empty() || path.front().domain != segment) return false;
  const PciPath visible = visible_part(path);
  const bool is_bridge = scope.type == DeviceScope::kPciBridge;
  if (!is_bridge && scope.type != DeviceScope::kPciEndpoint) return false;
  if (names(scope, visible)) return true;
  for (std::size_t hops = 1; is_bridge && hops < visible.size(); ++hops) {
    if (names(scope, visible.first(hops))) return true;
  }
  return false;
}

const DmarStructure* responsible_drhd(const DmarTable& table, PciPath path) {
  const DmarStructure* catch_all = nullptr;
  for (const DmarStructure& structure : table.structures) {
    const auto* drhd = std::get_if<Drhd>(&structure.body);
    if (drhd == nullptr || path.empty() || path.front().domain != drhd->segment) continue;
    if (covers_any(structure, drhd->segment, path)) return &structure;
    if (drhd->include_all() && catch_all == nullptr) catch_all = &structure;
  }
  return catch_all;
}

std::vector<const DmarStructure*> rmrrs_of(const DmarTable& table, PciPath path) {
  std::vector<const DmarStructure*> found;
  for (const DmarStructure& structure : table.structures) {
    const auto* rmrr = std::get_if<Rmrr>(&structure.body);
    if (rmrr != nullptr && covers_any(structure, rmrr->segment, path)) found.push_back(&structure);
  }
  return found;
}

}  // namespace cleave
