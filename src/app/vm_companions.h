// The processes that a VM needs beside QEMU: swtpm for its TPM, virtiofsd for its shares.
#pragma once

#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "host/host.h"
#include "run/companions.h"
#include "vm/vm.h"

namespace cleave {

struct VmProblem;

// What this machine lacks for them: "tpm.missing", "tpm.path", "share.virtiofsd_missing",
// "share.virtiofsd_old", "share.read_only". To be called as the VM's owner.
std::vector<VmProblem> check_companions(const HostReader& host, const VmEnvironment& environment,
                                        const Vm& vm);

// Makes what they need (the directory of the TPM's state) and tells how to start them. Only for a
// VM without such problems.
Result<std::vector<CompanionSpec>> prepare_companions(HostWriter& host,
                                                      const VmEnvironment& environment,
                                                      const Vm& vm);

// `--sandbox=` of a virtiofsd that is not root: "namespace" needs a user namespace, which some
// systems close to users.
const char* virtiofsd_sandbox(const HostReader& host);

}  // namespace cleave
