// What shows whether a GPU can have virtual functions: what its driver says, what the hardware has,
// whose GPU it is. For the rules in sr_iov.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "analysis/intel_gpu.h"
#include "analysis/rule.h"
#include "facts/facts.h"

namespace cleave {

inline constexpr std::uint16_t kNvidiaVendorId = 0x10DE;
inline constexpr std::uint16_t kAmdVendorId = 0x1002;

IntelSriov intel_kind(const PciDevice& gpu);
std::string platform_name(const PciDevice& gpu);  // "?" of another maker's
bool drives(const PciDevice& gpu, std::string_view driver);
std::optional<Evidence> out_of_tree_driver(const Facts& facts);
bool served_by_gim(const PciDevice& gpu);
bool is_professional_nvidia(const PciDevice& gpu);
std::optional<Evidence> nvidia_offers(const Subject& subject);
std::optional<Evidence> functions_offered(const Subject& subject);

// What the hardware itself says: the capability in its configuration space, or what the kernel
// made of it: sriov_totalvfs is there for each device with the capability, and only for these.
struct Capability {
  std::optional<bool> there;  // empty: not to be seen
  Evidence evidence;
};
Capability capability_of(const Subject& subject);

}  // namespace cleave
