// Which Intel GPU a PCI device id is, and whether GVT-g knows it.
#pragma once

#include <cstdint>

namespace cleave {

inline constexpr std::uint16_t kIntelVendorId = 0x8086;

struct IntelGpu {
  const char* platform;            // "Comet Lake"
  std::uint32_t graphics_version;  // as i915 counts: 8 is Broadwell
  bool gvt_g;                      // is_supported_device() of drivers/gpu/drm/i915/intel_gvt.c
};

// Null if the id is not in the tables.
const IntelGpu* find_intel_gpu(std::uint16_t device_id);

}  // namespace cleave
