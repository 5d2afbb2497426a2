#include "facts/usb.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

bool is_number(std::string_view text) {
  constexpr std::size_t kLongest = 3;  // buses and ports have one byte each
  return !text.empty() && text.size() <= kLongest &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string usb_node(const UsbDevice& device) {
  return format("/dev/bus/usb/{:03}/{:03}", device.bus, device.number);
}

std::string usb_ids(const UsbDevice& device) {
  return format("{:04x}:{:04x}", device.vendor_id, device.product_id);
}

bool is_usb_port(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  if (hyphen == std::string_view::npos || !is_number(text.substr(0, hyphen))) return false;
  const auto ports = split(text.substr(hyphen + 1), '.');
  constexpr std::size_t kDeepest = 6;  // MAX_TOPO_LEVEL of drivers/usb/core/hub.c
  return ports.size() <= kDeepest && std::ranges::all_of(ports, is_number);
}

std::vector<std::string> usb_devices_in_path(std::string_view path) {
  std::vector<std::string> devices;
  bool below_root_hub = false;  // devices of other buses have such names, too ("1-0050" of I2C)
  for (const std::string_view part : split(path, '/')) {
    if (part.starts_with("usb") && is_number(part.substr(3))) below_root_hub = true;
    if (below_root_hub && is_usb_port(part)) devices.emplace_back(part);
  }
  return devices;
}

}  // namespace cleave
