// Keeping the machine awake: an inhibitor of systemd's logind (org.freedesktop.login1(5)), which
// lasts as long as a descriptor is open, in whatever process.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

// `why`: a sentence that is shown to whoever asks why the machine stays awake. Unsupported without
// libsystemd; Denied or Io if logind is not there or refuses.
Result<OwnedFd> inhibit_sleep(const std::string& why);

}  // namespace cleave
