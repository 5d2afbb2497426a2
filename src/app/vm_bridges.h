// Network cards of VMs on bridges of the host.
#pragma once

#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "host/host.h"
#include "run/supervisor.h"
#include "vm/vm.h"

namespace cleave {

struct VmProblem;

// "network.bridge_missing", "network.helper_missing", "network.bridge_denied", and where root does
// not start the VM "network.helper_rights", "network.tap_denied". To be called as the VM's owner.
// What cannot be read is left to the helper to refuse.
std::vector<VmProblem> check_bridges(const HostReader& host, const Vm& vm, bool by_root);

// The ends for QEMU, each with its number there. As who runs cleave.
Result<std::vector<GivenFile>> open_bridges(const HostReader& host, const Vm& vm);

}  // namespace cleave
