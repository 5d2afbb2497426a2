// A VM that gets single USB devices of the host: which, what it takes, and whether it may.
#pragma once

#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "facts/facts.h"
#include "host/host.h"
#include "plan/change.h"
#include "vm/vm.h"

namespace cleave {

struct UsbChoice {
  std::vector<std::string> names;      // to be reserved: ports; ids of what is not plugged in
  std::vector<std::string> arguments;  // values of -device
  std::vector<Change> changes;         // for root
};

bool hands_over_usb(const Vm& vm);

// `facts`: of read_device_facts(). Errors explain themselves: NotFound if a device is not plugged
// in that is not optional; Malformed if several have the same ids; Unsupported for a hub; Busy if a
// VM or a program has it; Conflict, with the reasons, where the host cannot surely do without it,
// unless `force` has its port; Denied if this user may not open it.
Result<UsbChoice> choose_usb_devices(const HostReader& host, const Facts& facts,
                                     const VmEnvironment& environment, const Vm& vm,
                                     const std::vector<std::string>& force);

}  // namespace cleave
