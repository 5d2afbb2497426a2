// Tells of a running VM whether its guest uses the GPU: for `vm prove`, and for `vm start --prove`.
#pragma once

#include <chrono>
#include <string>

#include "app/vm_proof.h"
#include "cli/command.h"

namespace cleave {

Result<VmProof> prove_and_tell(CommandContext& context, const VmEnvironment& environment,
                               const std::string& name, std::chrono::milliseconds limit);

// Unknown is no yes.
ExitStatus exit_status_of(const VmProof& proof);

}  // namespace cleave
