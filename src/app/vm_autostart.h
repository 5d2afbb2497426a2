// VMs that start by themselves: a unit of systemd for each, the user's own or the system's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "host/host.h"
#include "plan/plan.h"

namespace cleave {

enum class Autostart : std::uint8_t { No, Login, Boot };
std::optional<Autostart> autostart_of(std::string_view word);  // "no", "login", "boot"
const char* autostart_name(Autostart when);

inline constexpr const char* kAutostartPlan = "vm-autostart";

struct PreparedAutostart {
  std::string name;
  Autostart when = Autostart::No;
  bool of_system = false;  // root's units; else the user's own
  Plan plan{};             // empty: it is so already
};

// `when` empty: what the definition says. `program`: this very program's file. Unsupported: systemd
// did not start this machine, or would not start such a unit, and why; Conflict: it is not for this
// user to arrange.
Result<PreparedAutostart> prepare_autostart(const HostReader& host,
                                            const VmEnvironment& environment,
                                            const std::string& name, std::optional<Autostart> when,
                                            const std::string& program);

// Of the user's own units. The system's are a transaction's (apply/transaction.h).
Result<void> write_user_units(HostWriter& host, const PreparedAutostart& prepared);

}  // namespace cleave
