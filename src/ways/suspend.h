// What becomes of a running VM while the host sleeps (suspend to RAM or to disk): what its owner
// chose, or what its GPU and the kernel at hand bear. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/message.h"

namespace cleave {

enum class OnSuspend : std::uint8_t {
  Keep,    // "keep": goes on afterwards as it was
  Pause,   // "pause": its processors stand still meanwhile
  Stop,    // "stop": its guest is asked to shut down before; if it does not, the host stays awake
  Refuse,  // "refuse": the host stays awake while it runs
};
const char* on_suspend_name(OnSuspend action);
std::optional<OnSuspend> on_suspend_of(std::string_view name);

struct SuspendPolicy {
  OnSuspend action = OnSuspend::Keep;
  Message reason;

  bool operator==(const SuspendPolicy&) const = default;
};

// `written`: the definition's on_suspend, empty if it has none. `way`: of its GPU, empty if it has
// none. `release`: of the running kernel, empty if it could not be read. An owner's choice holds,
// except where it would bring the host down: then the host stays awake.
SuspendPolicy suspend_policy(std::string_view written, std::string_view way,
                             std::string_view release);

// Whether the host may crash if it sleeps while there is a vGPU, used or not.
bool vgpus_must_go(std::string_view release);

}  // namespace cleave
