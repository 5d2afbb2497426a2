// A guest's memory from the host's reserved huge pages: whether there are enough.
#pragma once

#include <vector>

#include "app/vm.h"

namespace cleave {

// "memory.huge_pages". What cannot be read is left to QEMU to refuse.
std::vector<VmProblem> check_huge_pages(const HostReader& host, const Vm& vm);

}  // namespace cleave
