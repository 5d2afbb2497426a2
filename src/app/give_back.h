// How the host gets back the devices of VMs that have ended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apply/transaction.h"
#include "base/result.h"
#include "host/host.h"

namespace cleave {

// Gives back to the host what VMs had that have ended: the transactions that were undone. What any
// process still uses stays. For root; others have nothing to give back.
Result<std::vector<TransactionRecord>> give_back_devices(HostWriter& host,
                                                         Transactions& transactions);

// Has systemd call `cleave vm give-back` once the supervisor and QEMU have ended, since nothing of
// cleave's stays behind as root. False where there is no systemd: then the next cleave that root
// runs does it.
Result<bool> give_back_at_the_end(HostWriter& host, const std::string& vm,
                                  const std::vector<std::uint32_t>& processes);

}  // namespace cleave
