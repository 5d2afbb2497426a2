// Processes whose identity was read from a file: they are touched only where they are the user's
// own, whatever the file says.
#pragma once

#include <vector>

#include "base/fd.h"
#include "base/message.h"
#include "base/result.h"
#include "run/process.h"
#include "run/vm_state.h"

namespace cleave {

// As open_process(); Denied if it runs as another user than the effective one. The kernel alone
// would not refuse a signal to it: root that acts as a user keeps its real user (kill(2)).
Result<OwnedFd> open_own_process(const ProcessIdentity& identity);

// A signal (SIGSTOP) or a debugger holds it.
bool is_stopped(const ProcessIdentity& identity);

// Ends what is left of a VM's companions: SIGTERM, and SIGKILL a little later. What was done.
std::vector<Message> end_left_companions(const std::vector<CompanionRecord>& companions);

}  // namespace cleave
