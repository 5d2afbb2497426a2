// Connections to the sockets that QEMU makes: its monitors, its VNC, a guest's serial port.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

// One try, at once. ENAMETOOLONG: longer than unix(7) allows, 107 bytes; ENOENT: not made yet;
// ECONNREFUSED: made and not listening (any more); EAGAIN: its queue is full.
Result<OwnedFd> connect_local_socket(const std::string& path);

}  // namespace cleave
