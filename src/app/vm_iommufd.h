// How QEMU opens a device that VFIO hands out: through the group that it is in, or, on kernels
// without groups, by itself.
#pragma once

#include <cstdint>
#include <string>

#include "app/vm_place.h"
#include "base/result.h"
#include "facts/fact.h"
#include "host/host.h"
#include "vm/vm.h"

namespace cleave {

// True on a kernel without groups. Unsupported if the VM's QEMU is too old for that; Denied if the
// VM's user may not open /dev/iommu, which belongs to no VM alone and so is handed to nobody.
Result<bool> opens_devices(const HostReader& host, const VmEnvironment& environment, const Vm& vm);

// The node that QEMU opens: "/dev/vfio/7", "/dev/vfio/devices/vfio0". Empty if it is not known.
std::string vfio_node(const HostReader& host, const std::string& sysfs_path,
                      const Fact<std::uint32_t>& group, bool iommufd);

}  // namespace cleave
