// A mediated device as mdevctl keeps it: /etc/mdevctl.d/PARENT/UUID, JSON. Format: mdevctl(8).
#pragma once

#include <string>
#include <string_view>

#include "facts/virtual_machines.h"

namespace cleave {

// `parent` and `name` are the directory's and the file's. What cannot be understood has a problem.
MdevDefinition parse_mdevctl_definition(std::string_view parent, std::string_view name,
                                        std::string_view text);

// The file's text, as mdevctl itself writes it.
std::string mdevctl_text(const MdevDefinition& definition);

}  // namespace cleave
