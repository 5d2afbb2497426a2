// Reservations of the devices that VMs have (run/reservation.h), as the use cases keep and show
// them.
#pragma once

#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "facts/facts.h"
#include "host/host.h"
#include "run/supervisor.h"

namespace cleave {

// As root: the directory, so that others can keep reservations, too.
Result<void> prepare_reservations();

// Reserves PCI devices (by address) or vGPUs (by UUID) for a VM that is being started, for as long
// as its supervisor or QEMU lives. Busy, with the VM that has one.
Result<void> reserve_devices(Supervisor& supervisor, const VmEnvironment& environment,
                             const std::string& vm, const std::vector<std::string>& devices);

// Gives the users of devices the names of their VMs; of a VM whose processes this user may not look
// into, the reservation tells all there is.
void name_users(const HostReader& host, Facts& facts);

}  // namespace cleave
