// Devices of USB that QEMU had when it was killed. The kernel takes its claims on their interfaces
// back then, but has no driver look at them (releaseintf(), drivers/usb/core/devio.c): a keyboard
// stayed dead until it was plugged in anew. QEMU that ends by itself leaves none behind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cleave {

// The nodes below /dev/bus/usb that the process has open; none if it may not be looked into.
std::vector<std::string> usb_nodes_of(std::uint32_t process);

// Has the host's drivers look at those interfaces that have none. Needs no more than the right to
// open the node; what may not be opened, or is not plugged in any more, is left alone.
void return_to_drivers(const std::vector<std::string>& usb_nodes);

}  // namespace cleave
