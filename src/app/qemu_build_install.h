// Puts a QEMU that was built into its place: there as a whole, or not at all.
#pragma once

#include <string>

#include "app/build_tool.h"
#include "base/result.h"

namespace cleave {

// Makes `prefix` a copy of the tree `staged`, which belongs to the user who builds and is read as
// that user; the copy belongs to the caller. Only directories, plain files and links; no special
// bits. Conflict if something is at `prefix` already, other than an empty directory.
Result<void> install_copy(const std::string& staged, const std::string& prefix,
                          const BuildTools& tools);

}  // namespace cleave
