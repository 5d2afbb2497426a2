// A line that somebody types.
#pragma once

#include <cstddef>
#include <string>

#include "base/message.h"

namespace cleave {

// What is typed beyond it is dropped.
inline constexpr std::size_t kLongestLine = 1024;

std::string read_line();
// The same for a password: the terminal does not show it.
std::string ask_hidden(const Message& question);

}  // namespace cleave
