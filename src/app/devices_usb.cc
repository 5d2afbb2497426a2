// Single devices of USB in the list of `cleave devices`.
#include <algorithm>

#include "app/devices.h"
#include "base/format.h"
#include "base/text.h"
#include "run/reservation.h"

namespace cleave {
namespace {

// A program that talks to a device by itself claims its interfaces (drivers/usb/core/devio.c).
bool is_claimed(const UsbDevice& device) {
  return std::ranges::any_of(device.interfaces, [](const UsbInterface& interface) {
    return interface.driver.value_or("") == "usbfs";
  });
}

// The VM that has it, or that waits for a device of its ids.
std::vector<DeviceUser> users_of(const UsbDevice& device) {
  for (const std::string& name : {device.port, usb_ids(device)}) {
    const auto by = reserved_by(kReservationDirectory, name);
    if (!by) continue;
    return {{.process_id = by->process.process_id,
             .command = "cleave",
             .since = static_cast<std::uint64_t>(by->since),
             .vm = by->vm}};
  }
  return {};
}

// By its ids where only one has them: it may be plugged into another port tomorrow.
std::string definition_of(const UsbDevice& device, const std::vector<UsbDevice>& all) {
  const auto alike = std::ranges::count_if(
      all, [&](const UsbDevice& other) { return usb_ids(other) == usb_ids(device); });
  return format("usb = \"{}\"", alike == 1 ? usb_ids(device) : device.port);
}

ListedUsb look_at(const HostReader& host, const Facts& facts, const UsbDevice& device) {
  ListedUsb listed;
  listed.usb = &device;
  DeviceSafetyReport report = device_safety(facts, device);
  listed.state = state_of(report.safety);
  listed.reasons = std::move(report.reasons);
  listed.claimed = is_claimed(device);
  if (host.is_live()) listed.users = users_of(device);
  if (listed.claimed || !listed.users.empty()) listed.state = DeviceState::Used;
  listed.definition = definition_of(device, *facts.usb_devices.value());
  return listed;
}

}  // namespace

std::vector<ListedUsb> list_usb_devices(const HostReader& host, const Facts& facts) {
  std::vector<ListedUsb> listed;
  const auto* devices = facts.usb_devices.value();
  if (devices == nullptr) return listed;
  for (const UsbDevice& device : *devices) {
    if (!device.is_hub()) listed.push_back(look_at(host, facts, device));
  }
  return listed;
}

std::vector<ListedUsb> find_usb_devices(const DeviceList& list, const std::string& name) {
  const std::string wanted = lower_case(name);
  std::vector<ListedUsb> found;
  for (const ListedUsb& listed : list.usb) {
    if (listed.usb->port == wanted || usb_ids(*listed.usb) == wanted) found.push_back(listed);
  }
  return found;
}

}  // namespace cleave
