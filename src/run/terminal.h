// A person's terminal joined with a guest's serial port.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

inline constexpr char kConsoleEscape = 0x1d;  // Ctrl-]

enum class RelayEnd : std::uint8_t {
  Escape,       // Ctrl-] was typed
  OtherSide,    // the socket was closed: the VM has ended
  Input,        // what is typed has ended
  Interrupted,  // a signal came that ends the program (SignalsKept::end_program)
};

// Copies what comes from `socket` to `output`. With `input` 0 or above what is typed goes to the
// socket, and if that is a terminal it is raw meanwhile: every key but Ctrl-] reaches the guest. It
// is put back on every way out.
Result<RelayEnd> relay(const OwnedFd& socket, int input, int output);

}  // namespace cleave
