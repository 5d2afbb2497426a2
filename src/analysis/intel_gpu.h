// Which Intel GPU a PCI device id is, and whether GVT-g knows it.
#pragma once

#include <cstdint>

namespace cleave {

inline constexpr std::uint16_t kIntelVendorId = 0x8086;

// Which driver makes virtual functions of the GPU. Mainline: `has_sriov` and `require_force_probe`
// of drivers/gpu/drm/xe/xe_pci.c (Linux 7.2; i915 has none). Out of tree: i915-sriov-dkms, its
// device tables of May 2026, which also serves the platforms that need force_probe.
enum class IntelSriov : std::uint8_t { None, OutOfTreeOnly, XeForceProbe, XeByDefault };

struct IntelGpu {
  const char* platform;            // "Comet Lake"
  std::uint32_t graphics_version;  // as i915 counts: 8 is Broadwell
  bool gvt_g;                      // is_supported_device() of drivers/gpu/drm/i915/intel_gvt.c
  IntelSriov sriov = IntelSriov::None;
};

// Null if the id is not in the tables.
const IntelGpu* find_intel_gpu(std::uint16_t device_id);

// Whether i915-sriov-dkms makes functions of it: has_sriov in its tables (May 2026: Tiger Lake,
// Alder Lake, Raptor Lake, Meteor and Arrow Lake). True for an id that nobody knows yet.
bool served_by_i915_sriov_dkms(std::uint16_t device_id);

}  // namespace cleave
