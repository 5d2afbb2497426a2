// A file that a person named, a pipe ("<(journalctl -k)") or standard input, as a whole.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/result.h"

namespace cleave {

// "-" is standard input. Larger than `limit` is an error, and so is a pipe into which nobody wrote
// for as long as `patience`.
Result<std::string> read_input(const std::string& name, std::size_t limit,
                               std::chrono::milliseconds patience);

}  // namespace cleave
