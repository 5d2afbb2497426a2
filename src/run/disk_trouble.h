// What QEMU's events say of a guest that stands still because its disk could not be written.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "run/qmp.h"
#include "run/vm_state.h"

namespace cleave {

// QEMU's name of a drive → its file.
using DiskNames = std::vector<std::pair<std::string, std::string>>;

// Takes an event into the state. True if the state is another one now.
bool note_event(const QmpEvent& event, const DiskNames& disks, VmState& state);

}  // namespace cleave
