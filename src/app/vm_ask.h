// Asking a guest to switch itself off.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "app/vm.h"
#include "base/fd.h"
#include "base/result.h"
#include "run/qmp.h"

namespace cleave {

// Presses the power button; when a part of `limit` has passed without an end, asks the guest's
// agent, if the VM has a channel for one and it answers, and presses again if not. Which of both it
// was; empty if QEMU still runs after `limit`. To be called as the VM's user. `qemu`: its process.
Result<std::optional<StopMeans>> ask_guest_to_stop(const std::string& runtime_directory,
                                                   QmpClient& monitor, const OwnedFd& qemu,
                                                   std::chrono::milliseconds limit);

}  // namespace cleave
