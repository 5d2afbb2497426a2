// Help made from the rows of all_commands().
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace cleave {

// `topic`: "" for all commands, "vgpu" for a group, "vgpu create" for one command. Translated.
std::string help_text(const std::string& topic, const std::vector<Command>& commands);

}  // namespace cleave
