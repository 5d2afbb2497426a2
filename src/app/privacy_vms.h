// Takes out of a capture what its virtual machines hold of their owner: names, disks, networks,
// secrets. What the diagnosis asks for stays, because each text is reduced by the code that knows
// how it is read: facts/qemu_command_line.h, libvirt_domain.h, proxmox_config.h.
#pragma once

#include <cstddef>

#include "host/memory_host.h"

namespace cleave {

struct ReducedVms {
  MemoryHost machine;
  std::size_t names = 0;  // VMs that are now called vm1, vm2, … wherever their name stood
};

// Doing it again changes nothing.
ReducedVms reduce_vms(const MemoryHost& machine);

}  // namespace cleave
