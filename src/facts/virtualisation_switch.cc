#include "facts/virtualisation_switch.h"

namespace cleave {

std::optional<VirtualisationSwitch> parse_virtualisation_switch(std::uint32_t index,
                                                                std::string_view bytes) {
  constexpr std::size_t kSize = 8;
  // arch/x86/include/asm/msr-index.h: FEAT_CTL_LOCKED, FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX,
  // SVM_VM_CR_SVM_LOCK_MASK, SVM_VM_CR_SVM_DIS_MASK.
  constexpr std::uint64_t kIntelLocked = 1U << 0U;
  constexpr std::uint64_t kIntelEnabled = 1U << 2U;
  constexpr std::uint64_t kAmdLocked = 1U << 3U;
  constexpr std::uint64_t kAmdDisabled = 1U << 4U;
  if (bytes.size() != kSize) return std::nullopt;
  VirtualisationSwitch found;
  found.index = index;
  for (std::size_t i = kSize; i-- > 0;) {
    found.value = (found.value << 8U) | static_cast<unsigned char>(bytes[i]);
  }
  if (index == kAmdVmControl) {
    found.locked = (found.value & kAmdLocked) != 0;
    found.off = (found.value & kAmdDisabled) != 0;
  } else {
    found.locked = (found.value & kIntelLocked) != 0;
    found.off = (found.value & kIntelEnabled) == 0;
  }
  return found;
}

}  // namespace cleave
