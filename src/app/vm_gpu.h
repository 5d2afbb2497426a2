// What a VM gets of the host at its start: of a GPU (a vGPU that is there or is to be made, a
// device, or what QEMU itself draws), and further devices.
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

struct DeviceChoice {
  std::optional<VgpuChoice> vgpu;
  std::optional<HandoverChoice> handover;
  StartResources resources;  // without the runtime directory
};

// Whether the host gives this VM any device of its own.
bool hands_over(const Vm& vm);

// By the way that the definition names, and by its [[device]] tables. Errors: those of choose_vgpu,
// choose_pci_devices and choose_usb_devices (which `force` is for), and choose_virtio_gpu.
Result<DeviceChoice> choose_devices(const HostReader& host, const VmEnvironment& environment,
                                    const Vm& vm, const std::vector<std::string>& force = {});

// Errors: as prepare_create; Conflict if a vGPU of that UUID is there with another type or parent;
// Busy if it is in use; Denied if the owner may not open its VFIO group; Unsupported if QEMU lacks
// the ramfb that the definition wants. `vm` has a [gpu].
Result<VgpuChoice> choose_vgpu(const HostReader& host, const VmEnvironment& environment,
                               const Vm& vm);

}  // namespace cleave
