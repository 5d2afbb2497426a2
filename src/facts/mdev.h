// Mediated devices: parents, their types, and the devices that exist.
// ABI: Documentation/ABI/testing/sysfs-bus-vfio-mdev.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "facts/fact.h"
#include "facts/pci.h"

namespace cleave {

struct MdevType {
  std::string id;          // the directory's name: "i915-GVTg_V5_4"
  std::string sysfs_path;  // …/mdev_supported_types/ID
  Fact<std::string> name;
  Fact<std::string> description;  // free text of the driver; GVT-g's has five lines
  Fact<std::string> device_api;   // "vfio-pci"
  Fact<std::uint32_t> available_instances;
};

struct MediatedDevice {
  std::string uuid;        // as in sysfs, lower case
  std::string sysfs_path;  // /sys/bus/mdev/devices/UUID
  std::string parent;      // name of its MdevParent
  std::string type_id;
  Fact<std::uint32_t> iommu_group;
  std::vector<DeviceUser> users;  // seen with the rights at hand; see `users_complete`
  bool users_complete = true;     // false: some processes could not be looked into
};

struct MdevParent {
  std::string name;               // as under /sys/class/mdev_bus: "0000:00:02.0", "mtty"
  std::string sysfs_path;         // the device itself, links resolved
  std::optional<PciAddress> pci;  // empty: not a PCI device (mtty, ap matrix, css)
  Fact<std::string> driver;
  Fact<bool> type_list;  // known: mdev_supported_types was listed; absent: it is not there
  std::vector<MdevType> types;
};

// What GVT-g writes into `description` (drivers/gpu/drm/i915/gvt/kvmgt.c,
// intel_vgpu_show_description).
struct GvtTypeSize {
  std::uint32_t low_gm_mb = 0;   // aperture
  std::uint32_t high_gm_mb = 0;  // hidden memory
  std::uint32_t fences = 0;
  std::uint32_t width = 0;  // largest resolution, pixels
  std::uint32_t height = 0;
  std::uint32_t weight = 0;

  bool operator==(const GvtTypeSize&) const = default;
};

// Empty if the text is not one of GVT-g.
std::optional<GvtTypeSize> parse_gvt_description(std::string_view description);

// "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee" in any case → lower case; empty if it is no UUID.
std::optional<std::string> parse_uuid(std::string_view text);

}  // namespace cleave
