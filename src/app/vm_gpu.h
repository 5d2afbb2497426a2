// What of a GPU a VM gets: a vGPU that is there or is to be made, a device of the host, or what
// QEMU itself draws.
#pragma once

#include <optional>
#include <string>

#include "app/vgpu.h"
#include "app/vm_pci.h"
#include "app/vm_place.h"
#include "vm/command_line.h"
#include "vm/vm.h"
#include "ways/way.h"

namespace cleave {

struct VgpuChoice {
  std::string uuid;
  std::string sysfs_path;
  GuestDevice device;
  std::optional<PreparedCreate> create;  // empty: it is there already
};

struct GpuChoice {
  std::optional<VgpuChoice> vgpu;
  std::optional<PciChoice> pci;
  StartResources resources;  // without the runtime directory
};

// By the way that the definition names; nothing for a VM without a share of the GPU. Errors: those
// of choose_vgpu, choose_pci_devices (which `force` is for) and choose_virtio_gpu.
Result<GpuChoice> choose_gpu(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                             const std::vector<std::string>& force = {});

// Errors: as prepare_create; Conflict if a vGPU of that UUID is there with another type or parent;
// Busy if it is in use; Denied if the owner may not open its VFIO group; Unsupported if QEMU lacks
// the ramfb that the definition wants. `vm` has a [gpu].
Result<VgpuChoice> choose_vgpu(const HostReader& host, const VmEnvironment& environment,
                               const Vm& vm);

}  // namespace cleave
