// The first QEMU command of a script, with the variables put in that the script itself sets. Only
// for imports/.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "imports/importing.h"

namespace cleave {

// The program first. Empty if there is no such command.
std::optional<std::vector<QemuWord>> qemu_command_of(std::string_view script);

}  // namespace cleave
