// The register by which firmware switches virtualisation off, for root to read. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cleave {

// IA32_FEATURE_CONTROL (Intel SDM volume 4, table 2-2; 0x3A) or VM_CR (AMD APM volume 2, 15.30.1;
// 0xC0010114).
struct VirtualisationSwitch {
  std::uint32_t index = 0;
  std::uint64_t value = 0;
  bool locked = false;  // until the next reset nobody can change it
  bool off = false;     // Intel: not switched on; it counts only if it is locked

  bool operator==(const VirtualisationSwitch&) const = default;
};

inline constexpr std::uint32_t kIntelFeatureControl = 0x3A;
inline constexpr std::uint32_t kAmdVmControl = 0xC0010114;

// Eight bytes as /dev/cpu/N/msr gives them, little-endian; empty if they are not eight.
std::optional<VirtualisationSwitch> parse_virtualisation_switch(std::uint32_t index,
                                                                std::string_view bytes);

}  // namespace cleave
