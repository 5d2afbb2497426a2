// The whole program but for main's argument vector, so that tests can call it.
#pragma once

#include <string>
#include <vector>

namespace cleave {

// `words`: argv without the program's name. Returns the exit status (design: Command line).
int run_cleave(const std::vector<std::string>& words);

}  // namespace cleave
