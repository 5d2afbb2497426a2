// The QEMU programs of this machine and what each can do.
#pragma once

#include <string>
#include <vector>

#include "facts/fact.h"

namespace cleave {

struct QemuProgram {
  std::string path;  // "/usr/bin/qemu-system-x86_64"
};

struct QemuFacts {
  Fact<std::vector<QemuProgram>> programs;  // in the order of PATH
};

}  // namespace cleave
