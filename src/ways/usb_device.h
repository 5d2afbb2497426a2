// Single USB devices that a VM gets from the host: what it takes to hand one over, and how QEMU is
// told. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "facts/usb.h"
#include "plan/plan.h"

namespace cleave {

// Which device QEMU takes: one in a port, one of these ids, or one of both.
struct UsbAttachment {
  std::string port;                                                 // "1-2.3"; empty: any
  std::optional<std::pair<std::uint16_t, std::uint16_t>> ids = {};  // vendor and product
};

// "QEMU USB Tablet (1-2.3)", for people.
std::string usb_name(const UsbDevice& device);

// Takes it from the host's drivers and gives its node to a user. What is so already is done.
std::vector<Change> hand_over_usb(const UsbDevice& device, std::uint32_t user, std::uint32_t group,
                                  const std::string& user_name);

// Values of QEMU's -device: the controller first, then a device each. None for none.
std::vector<std::string> usb_guest_devices(const std::vector<UsbAttachment>& attachments);

}  // namespace cleave
