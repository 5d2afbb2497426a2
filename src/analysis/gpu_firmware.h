// Which firmware files the drivers i915 and xe want for an Intel GPU. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace cleave {

enum class IntelDriver : std::uint8_t { I915, Xe };

// Any file whose name starts so will do: i915 asks for several versions, newest first, and which
// ones differs from kernel to kernel. xe names one file.
struct WantedFirmware {
  std::string_view name;  // "i915/tgl_guc_70.bin", or "i915/tgl_guc_" for any version
  bool is_guc = false;
};

// `platform` as find_intel_gpu names it. Empty for platforms that are not in the tables.
// The GuC of the platform, whether the driver loads it by default or only when SR-IOV is wanted.
std::vector<WantedFirmware> guc_firmware(std::string_view platform, IntelDriver driver);
// What the driver loads on its own: display (DMC), and GuC and HuC where they are on by default.
std::vector<WantedFirmware> default_firmware(std::string_view platform, IntelDriver driver);

}  // namespace cleave
