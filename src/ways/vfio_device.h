// PCI devices that a VM gets through vfio-pci, whole ones and virtual functions: what it takes to
// hand them over, and to make functions. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "facts/facts.h"
#include "plan/plan.h"
#include "ways/way.h"

namespace cleave {

// Whether this driver hands its devices to VMs (drivers/vfio/pci and the vendors' variants of it).
bool serves_vfio(const std::string& driver);

// What leaves the host together.
struct HandedOver {
  std::vector<const PciDevice*> devices;  // the VM's
  // The rest of their IOMMU groups, which the host cannot use meanwhile: VFIO gives a group to one
  // user as a whole (Documentation/driver-api/vfio.rst). Bridges are no part of it.
  std::vector<const PciDevice*> others;
};

// `devices`, which must not be empty, and what goes along with them.
HandedOver with_groups(const Facts& facts, std::vector<const PciDevice*> devices);

// Changes after which a VM can have it; none if vfio-pci has all of it already. Unsupported, with
// the reason: a bridge, a device in no IOMMU group, one whose group could not be read. Busy: a
// device whose own virtual functions exist, which would go with it.
Result<Plan> hand_over(const Facts& facts, const HandedOver& what);

// A function of that index (from 0) as it will be once it is made, but for its IOMMU group.
PciDevice future_function(const PciDevice& physical_function, std::uint32_t index);

// Those that exist, by address.
std::vector<const PciDevice*> virtual_functions_of(const Facts& facts,
                                                   const PciDevice& physical_function);

// What a driver is told of its functions before they are made: attributes below the physical
// function's directory and their values, in order ("sriov_admin/vf1/profile/exec_quantum_ms").
using FunctionAttributes = std::vector<std::pair<std::string, std::string>>;

// Changes after which the device has `count` functions, which no driver of the host takes; none if
// it has as many already. Errors, in the driver's own terms (sriov_numvfs_store,
// drivers/pci/iov.c): Unsupported without SR-IOV (ENOENT) or without a driver that makes functions
// (ENOENT); Malformed for more than it can (ERANGE), with the number; Busy where it has another
// number of them (EBUSY), which has to be 0 first.
Result<Plan> make_functions(const PciDevice& physical_function, std::uint32_t count,
                            const FunctionAttributes& attributes = {});

// Changes after which it has none. Whether one of them is in use is not looked at.
Result<Plan> remove_functions(const PciDevice& physical_function);

// Whether the device can be the guest's first screen on that machine of QEMU's. Unsupported, with
// the reason, where it has no VGA ranges to give, or QEMU would not give them.
Result<void> may_be_primary(const PciDevice& device, const std::string& machine);

// Where a kernel has no groups to open, QEMU opens the node of each device itself and gives it to
// /dev/iommu; with groups all is as it was, whatever else the kernel can do. `groups`:
// PlatformFacts::vfio_groups. Unsupported if this QEMU cannot; Unknown abilities are no reason.
Result<bool> uses_iommufd(const Fact<bool>& groups, const Fact<QemuAbilities>& qemu);
// QEMU's object for it, and what a device says that uses it: "iommufd,id=…", ",iommufd=…".
inline constexpr const char* kIommufdObject = "iommufd,id=cleave-iommufd";
inline constexpr const char* kIommufdProperty = ",iommufd=cleave-iommufd";
inline constexpr const char* kIommufdNode = "/dev/iommu";
inline constexpr const char* kVfioDeviceNodes = "/dev/vfio/devices";

// The change that gives a device's node to a VM's user, whoever hands it out. `sysfs_path`: of the
// device, which may not be there yet.
ChangeOwner node_owner(const std::string& sysfs_path, bool iommufd);

// What a value of -device says of the OpRegion; empty: QEMU does as it is wanted by itself.
std::string opregion_option(const Attachment& attachment);

// QEMU's devices for what the VM has: all functions of a card stay one card.
GuestDevice vfio_guest_device(const Attachment& attachment);

}  // namespace cleave
