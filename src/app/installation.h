// Where cleave's own files are: beside its binary in a build tree, else where packages put them.
#pragma once

#include <string>

#include "base/result.h"

namespace cleave {

// The demo guest's ELF file. NotFound, with where it was looked for.
Result<std::string> demo_guest_file();

}  // namespace cleave
