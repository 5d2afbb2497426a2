// The PCI configuration space of a device: what it can do, whatever its driver makes of it.
// PCI Express Base Specification 6.0, chapters 7 and 9; register names as in the kernel's
// include/uapi/linux/pci_regs.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cleave {

struct SriovCapability {
  std::uint16_t total_vfs = 0;     // PCI_SRIOV_TOTAL_VF
  std::uint16_t initial_vfs = 0;   // PCI_SRIOV_INITIAL_VF
  std::uint16_t num_vfs = 0;       // PCI_SRIOV_NUM_VF: how many the driver has set
  std::uint16_t vf_offset = 0;     // of the first VF's routing id from the device's own
  std::uint16_t vf_stride = 0;     // between two VFs
  std::uint16_t vf_device_id = 0;  // PCI_SRIOV_VF_DID
  bool enabled = false;            // PCI_SRIOV_CTRL_VFE

  bool operator==(const SriovCapability&) const = default;
};

// Access Control Services: what a port keeps devices below it from doing to each other.
struct AcsCapability {
  std::uint16_t supported = 0;  // PCI_ACS_CAP: bit 0 source validation … bit 4 upstream forwarding
  std::uint16_t enabled = 0;    // PCI_ACS_CTRL, the same bits

  // Source validation, request and completion redirection, upstream forwarding: with all four the
  // kernel keeps what is behind the port in groups of its own (REQ_ACS_FLAGS,
  // drivers/iommu/iommu.c).
  [[nodiscard]] bool isolates() const { return (enabled & 0x1DU) == 0x1DU; }
  bool operator==(const AcsCapability&) const = default;
};

struct PciConfig {
  bool capabilities_seen = false;  // 256 bytes: others than root see the first 64 only
  bool extended_seen = false;      // 4,096 bytes: a PCI Express device, seen by root
  bool express = false;
  bool function_level_reset = false;  // PCI Express or Advanced Features capability
  bool address_translation = false;   // ATS
  std::optional<SriovCapability> sriov;
  std::optional<AcsCapability> acs;
  // Intel GPUs, offset FCh: the address of the OpRegion, with which firmware tells the driver about
  // displays (ASLS, drivers/gpu/drm/i915/display/intel_opregion.c). 0: there is none.
  std::optional<std::uint32_t> opregion_address;

  bool operator==(const PciConfig&) const = default;
};

// `bytes` as the sysfs attribute `config` gives them, 64 to 4,096. Damaged chains of capabilities
// end where they make no sense; of a device that does not answer (all ones) nothing is seen.
PciConfig parse_pci_config(std::string_view bytes);

}  // namespace cleave
