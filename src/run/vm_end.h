// Why a VM ended.
#pragma once

#include <optional>

#include "run/process.h"
#include "run/qmp.h"
#include "run/vm_state.h"

namespace cleave {

// From how its QEMU ended, and what QEMU said before: its first event SHUTDOWN, if there was one.
VmEnd end_of(const ProcessEnd& process, const std::optional<QmpEvent>& shutdown);

}  // namespace cleave
