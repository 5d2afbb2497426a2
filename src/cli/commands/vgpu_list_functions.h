// The part of `cleave vgpu list` about virtual functions.
#pragma once

#include "base/result.h"
#include "cli/commands/watch.h"
#include "host/host.h"

namespace cleave {

// Adds the functions that exist and those that are defined; nothing where there are none.
Result<void> add_functions(const HostReader& host, WatchedList& list);

}  // namespace cleave
