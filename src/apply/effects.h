// One effect on a host: is it done, what does it find, do it, take it back. Without a journal:
// Transactions calls these in the right order.
#pragma once

#include <string>
#include <vector>

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

// What the effect left, for the journal: content_hash() of a generated file; empty for others,
// whose outcome the plan tells.
std::string outcome_of(const HostReader& host, const Effect& effect, const Before& before);

// What an undo did in another way than byte for byte, for people.
using Notes = std::vector<Message>;

// Takes the effect back, whether or not it had happened; `copy` is the copy of the file, `outcome`
// what outcome_of() said, empty if a crash came before. Where somebody changed the file since, only
// cleave's part of it is taken out, and a note says so; where there is no such part it is Conflict,
// and nothing is touched.
Result<Notes> take_back(HostWriter& host, const Effect& effect, const Before& before,
                        const std::string& copy, const std::string& outcome);

// True if the effect was one on something that no longer exists: a device that is gone.
bool is_gone(const HostReader& host, const Effect& effect, const Before& before);

}  // namespace cleave
