#include "ways/usb_device.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// The controller that the command line has for all of USB (vm/device_arguments.cc).
constexpr const char* kController = "usb";

Change release_change(const UsbDevice& device) {
  std::vector<std::string> drivers;
  for (const UsbInterface& interface : device.interfaces) {
    const std::string driver = interface.driver.value_or("");
    if (driver.empty() || std::ranges::find(drivers, driver) != drivers.end()) continue;
    drivers.push_back(driver);
  }
  ReleaseUsb release;
  release.device = device.sysfs_path;
  release.vendor_id = device.vendor_id;
  release.product_id = device.product_id;
  Change change;
  change.id = "usb.release";
  change.summary = {N_("Take {device} from the host's drivers: {drivers}"),
                    {{"device", usb_name(device)}, {"drivers", join(drivers, ", ")}}};
  change.reason = {N_("The VM has it as its own device.")};
  change.effect = std::move(release);
  return change;
}

std::string host_device(const UsbAttachment& attachment) {
  std::string device = format("usb-host,bus={}.0", kController);
  if (const std::size_t hyphen = attachment.port.find('-'); hyphen != std::string::npos) {
    device += format(",hostbus={},hostport={}", attachment.port.substr(0, hyphen),
                     attachment.port.substr(hyphen + 1));
  }
  if (attachment.ids) {
    device += format(",vendorid={:#06x},productid={:#06x}", attachment.ids->first,
                     attachment.ids->second);
  }
  return device;
}

}  // namespace

std::string usb_name(const UsbDevice& device) {
  const std::string name = device.product.empty() ? usb_ids(device) : printable(device.product);
  return format("{} ({})", name, device.port);
}

std::vector<Change> hand_over_usb(const UsbDevice& device, std::uint32_t user, std::uint32_t group,
                                  const std::string& user_name) {
  std::vector<Change> changes;
  if (std::ranges::any_of(device.interfaces, [](const UsbInterface& interface) {
        return interface.driver.is_known();
      })) {
    changes.push_back(release_change(device));
  }
  ChangeOwner owner;
  owner.path = usb_node(device);
  owner.user = user;
  owner.group = group;
  Change change;
  change.id = "usb.give-node";
  change.summary = {N_("Let the user {user} open {device} in {path}"),
                    {{"user", user_name}, {"device", usb_name(device)}, {"path", owner.path}}};
  change.reason = {N_("So that the virtual machine does not have to run as root.")};
  change.effect = std::move(owner);
  changes.push_back(std::move(change));
  return changes;
}

std::vector<std::string> usb_guest_devices(const std::vector<UsbAttachment>& attachments) {
  std::vector<std::string> devices;
  for (const UsbAttachment& attachment : attachments) devices.push_back(host_device(attachment));
  return devices;
}

}  // namespace cleave
