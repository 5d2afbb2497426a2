// Asks a QEMU program what it can do: over QMP, with a machine that has nothing, and by the help
// texts of what QMP does not tell.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "facts/qemu.h"
#include "run/process.h"

namespace cleave {

// Starts the program three times, each for some 50 ms; none outlives the call. `credentials`: as
// whom, for callers that are root. Errors: there is no such program (NotFound), it may not be
// started (Denied), it ended or does not answer (Io), it answers nonsense (Malformed).
Result<QemuAbilities> ask_qemu(const std::string& program,
                               const std::optional<Credentials>& credentials);

}  // namespace cleave
