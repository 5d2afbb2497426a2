// Which vGPU a VM gets: one that is there, or one that is to be made.
#pragma once

#include <optional>
#include <string>

#include "app/vgpu.h"
#include "app/vm_place.h"
#include "vm/vm.h"
#include "ways/way.h"

namespace cleave {

struct VgpuChoice {
  std::string uuid;
  std::string sysfs_path;
  GuestDevice device;
  std::optional<PreparedCreate> create;  // empty: it is there already
};

// Errors: as prepare_create; Conflict if a vGPU of that UUID is there with another type or parent;
// Busy if it is in use; Denied if the owner may not open its VFIO group.
Result<VgpuChoice> choose_vgpu(const HostReader& host, const VmEnvironment& environment,
                               const Vm::Gpu& gpu);

}  // namespace cleave
