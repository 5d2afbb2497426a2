// This very program's own file.
#pragma once

#include <string>

#include "base/result.h"

namespace cleave {

// Its absolute path, also where it was started by name.
Result<std::string> own_program();

}  // namespace cleave
