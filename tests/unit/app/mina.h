// The user whose VMs the tests are about.
#pragma once

#include <unistd.h>

#include <string>

#include "app/vm_place.h"

namespace cleave {

// Who runs the tests; where that is root, nobody: VMs never belong to root.
inline VmEnvironment environment_of_mina(const std::string& home) {
  VmEnvironment environment;
  const bool is_root = ::geteuid() == 0;
  environment.owner = {.uid = is_root ? 65534U : ::geteuid(),
                       .gid = is_root ? 65534U : ::getegid(),
                       .name = "mina",
                       .home = home,
                       .groups = {}};
  environment.has_display = true;
  return environment;
}

}  // namespace cleave
