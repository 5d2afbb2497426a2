// What only cleave knows of a VM, as lines of TOML that stand where the other program does not
// look: in libvirt's metadata, in a script's comments. An import takes them back (src/imports).
#pragma once

#include <string>

#include "vm/vm.h"

namespace cleave {

// In front of each such line of a script.
inline constexpr const char* kRememberedLine = "#= ";
// The name space of the element in libvirt's <metadata>: a name, nothing is fetched from there.
inline constexpr const char* kRememberedSpace = "urn:cleave:definition:1";

// Keys without a table that no command line has, and the tables of the GPU, of
// further devices, the display, the sound and the shares.
std::string remembered_text(const Vm& vm);

}  // namespace cleave
