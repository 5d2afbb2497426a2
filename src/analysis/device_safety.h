// Whether the host can do without a PCI device, or one of USB: asked before one is given to a VM.
// Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/message.h"
#include "facts/facts.h"

namespace cleave {

// In the order of what it takes to give the device away.
enum class DeviceSafety : std::uint8_t {
  Free,       // nothing of the host's is seen on it that would stop
  InUse,      // something of the host's stops, which a person can stop before
  Unknown,    // what the host uses could not be read: it may be anything
  Essential,  // the host does not run on, or nobody reaches it any more
};
const char* device_safety_name(DeviceSafety safety);  // "free", "in-use", "unknown", "essential"

struct SafetyReason {
  DeviceSafety safety = DeviceSafety::Free;
  Message text;  // a whole sentence about "it", the device
};

struct DeviceSafetyReport {
  DeviceSafety safety = DeviceSafety::Free;  // the worst of the reasons
  std::vector<SafetyReason> reasons;         // worst first; none, or all of them Free: free
};

// Looks at facts.host_uses (read_device_facts), at the displays and at the GPUs. What goes along
// with the device is not looked at: see group_members.
DeviceSafetyReport device_safety(const Facts& facts, const PciDevice& device);

// The same for one device of USB, with what hangs on it.
DeviceSafetyReport device_safety(const Facts& facts, const UsbDevice& device);

// The other devices of its IOMMU group, without bridges: a VM gets all of them or none. None too
// where the group is not known.
std::vector<const PciDevice*> group_members(const Facts& facts, const PciDevice& device);

}  // namespace cleave
