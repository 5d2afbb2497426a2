// A VM on virtio-gpu: what QEMU is told, by what it, this machine and the guest can do.
#pragma once

#include "app/vm_place.h"
#include "base/result.h"
#include "host/host.h"
#include "vm/command_line.h"
#include "vm/vm.h"

namespace cleave {

// Without the runtime directory. Asks QEMU what it can do where no answers are kept. Errors: as
// choose_virtio_gpu_device and choose_render_node; Denied if the owner may not open the node.
Result<StartResources> choose_virtio_gpu(const HostReader& host, const VmEnvironment& environment,
                                         const Vm& vm);

}  // namespace cleave
