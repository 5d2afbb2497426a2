// What a VM wants of QEMU that the program at hand cannot do: said before it is started. Pure.
#pragma once

#include <vector>

#include "app/vm.h"
#include "facts/qemu.h"
#include "vm/vm.h"

namespace cleave {

// One problem for each, with the package or the build that has it; empty if it can do all of it.
std::vector<VmProblem> qemu_problems(const QemuAbilities& qemu, const Vm& vm);

}  // namespace cleave
