// A diagnosis as one self-contained page: no script, nothing loaded from anywhere.
#pragma once

#include <string>

#include "ways/way.h"

namespace cleave {

// In the language chosen with choose_language().
std::string doctor_html(const Diagnosis& diagnosis);

}  // namespace cleave
