// A host whose root is a directory: "/" is the live machine, any other a captured tree.
// Below a root other than "/", no path or link leads out of it (openat2, RESOLVE_IN_ROOT).
#pragma once

#include <memory>
#include <string>

#include "host/host.h"

namespace cleave {

// NotFound or Denied if the root cannot be opened as a directory.
Result<std::unique_ptr<HostWriter>> open_file_host(const std::string& root);

// The machine itself.
std::unique_ptr<HostWriter> live_host();

}  // namespace cleave
