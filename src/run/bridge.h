// A network card's end on a bridge of the host: QEMU's own helper, which an administrator has
// allowed to do this, makes a tap on the bridge and hands it over.
#pragma once

#include <chrono>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

// An open tap with virtio-net's headers (IFF_VNET_HDR), which is on the bridge as long as anybody
// has it open. `helper` is set-user-ID root: not to be called from a process with no_new_privs.
// Denied or NotFound with the helper's own words if it refuses; ETIMEDOUT after `limit`.
Result<OwnedFd> tap_on_bridge(const std::string& helper, const std::string& bridge,
                              std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace cleave
