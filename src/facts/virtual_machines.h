// The virtual machines that this machine runs or has defined, whoever started or defined them:
// which GPU each takes, and with which settings of QEMU.
#pragma once

#include <string>
#include <vector>

#include "facts/fact.h"

namespace cleave {

struct VirtualMachine {
  std::string name;
};

struct VirtualMachineFacts {
  Fact<std::vector<VirtualMachine>> machines;
};

}  // namespace cleave
