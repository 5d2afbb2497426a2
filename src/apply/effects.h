// One effect on a host: is it done, what does it find, do it, take it back. Without a journal:
// Transactions calls these in the right order.
#pragma once

#include <string>

#include "apply/journal.h"
#include "base/result.h"
#include "host/host.h"
#include "plan/change.h"

namespace cleave {

// True if doing it would change nothing.
Result<bool> is_done(const HostReader& host, const Effect& effect);

// Waits for what the effect needs (ChangeOwner) and notes what is there. Conflict if a file is not
// what the plan was made from, or is no plain file.
Result<Before> observe(HostWriter& host, const Effect& effect);

// True if the file of `before` must be copied away before the effect.
bool needs_copy(const Effect& effect, const Before& before);

Result<void> perform(HostWriter& host, const Effect& effect, const Before& before);

// Takes the effect back, whether or not it had happened; `copy` is the copy of the file.
// Conflict if somebody changed the file since: then nothing is touched.
Result<void> take_back(HostWriter& host, const Effect& effect, const Before& before,
                       const std::string& copy);

// True if the effect was one on something that no longer exists: a device that is gone.
bool is_gone(const HostReader& host, const Effect& effect, const Before& before);

}  // namespace cleave
