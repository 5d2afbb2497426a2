// What is done to a VM while it runs, over QEMU's monitor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/fd.h"
#include "base/result.h"
#include "host/host.h"
#include "run/qmp.h"

namespace cleave {

// Conflict if the VM runs or is being started. While what is returned is kept, it cannot be
// started: what belongs to it may be changed.
Result<OwnedFd> keep_stopped(const VmEnvironment& environment, const std::string& vm_name);

enum class ControlAction : std::uint8_t { Pause, Resume, Reset };

struct ControlReport {
  std::string name;
  std::string before;    // QMP's query-status: "running"
  std::string after;     // the same, afterwards
  bool changed = false;  // false: it was so already
};
Result<ControlReport> control_vm(const HostReader& host, const VmEnvironment& environment,
                                 const std::string& name, ControlAction action);

// Presses each combination in turn (vm/key_names.h). Malformed, and nothing is pressed, if one is
// none; Conflict while the guest is paused and would see none.
Result<std::size_t> send_keys(const HostReader& host, const VmEnvironment& environment,
                              const std::string& name,
                              const std::vector<std::string>& combinations);

// One command of QEMU's own monitor for people (HMP): what it printed, printable.
Result<std::string> monitor_command(const HostReader& host, const VmEnvironment& environment,
                                    const std::string& name, const std::string& command);

struct BalloonReport {
  std::uint64_t wanted = 0;  // bytes
  std::uint64_t actual = 0;  // what the guest had given or taken when this returned
};
// Asks the guest to make do with so much memory. Malformed if it is no size or more than the VM
// has; Unsupported where there is no balloon, and why.
Result<BalloonReport> set_balloon(const HostReader& host, const VmEnvironment& environment,
                                  const std::string& name, const std::string& size);

// The guest's serial port; another who is connected keeps it to himself. Unsupported: the VM has
// none.
Result<OwnedFd> connect_console(const HostReader& host, const VmEnvironment& environment,
                                const std::string& name);

// Names of the devices with an id that a running QEMU has: "disk0", "usb".
Result<std::vector<std::string>> device_ids(QmpClient& monitor);

}  // namespace cleave
