// QEMU's arguments for what the guest sees beside its GPU. Only for vm/.
#pragma once

#include "vm/command_line.h"

namespace cleave {

void add_firmware(const Vm& vm, const StartResources& resources, CommandLine& line);
void add_disks(const Vm& vm, CommandLine& line);
void add_networks(const Vm& vm, CommandLine& line);
void add_input(const Vm& vm, CommandLine& line);
void add_sound(const Vm& vm, const StartResources& resources, CommandLine& line);
void add_shares(const Vm& vm, const StartResources& resources, CommandLine& line);
// The channels of agents in the guest, and what else has no table of its own.
void add_channels(const Vm& vm, const StartResources& resources, CommandLine& line);

// Whether something of the VM stands on the USB controller "usb".
bool needs_usb(const Vm& vm);
// Whether the guest's memory must be a file that other processes can share.
bool needs_shared_memory(const Vm& vm);

}  // namespace cleave
