#include "app/vm_usb.h"

#include <algorithm>
#include <utility>

#include "analysis/device_safety.h"
#include "base/format.h"
#include "base/text.h"
#include "run/reservation.h"
#include "ways/usb_device.h"

namespace cleave {
namespace {

using Devices = std::vector<const UsbDevice*>;

std::string ids_text(const Vm::UsbIds& ids) {
  return format("{:04x}:{:04x}", ids.vendor, ids.product);
}

std::string written_name(const Vm::Device& wanted) {
  return wanted.usb_ids ? ids_text(*wanted.usb_ids) : wanted.usb_port;
}

bool is_meant(const Vm::Device& wanted, const UsbDevice& device) {
  if (!wanted.usb_ids) return wanted.usb_port == device.port;
  return wanted.usb_ids->vendor == device.vendor_id && wanted.usb_ids->product == device.product_id;
}

Error several(const Vm::Device& wanted, const Devices& devices) {
  std::vector<std::string> names;
  for (const UsbDevice* device : devices) names.push_back(usb_name(*device));
  return error_of(ErrorCode::Malformed,
                  {N_("Several USB devices are {device}: {devices}"),
                   {{"device", written_name(wanted)}, {"devices", join(names, ", ")}}},
                  {N_("Name the port of the one that is meant in the definition: usb = \"{port}\""),
                   {{"port", devices.front()->port}}});
}

Error not_there(const Facts& facts, const Vm::Device& wanted) {
  const Message missing = {N_("The USB device {device} is not plugged in."),
                           {{"device", written_name(wanted)}}};
  Error error =
      error_of(ErrorCode::NotFound, missing,
               {N_("Plug it in, or write optional = true into its [[device]]: then the VM starts "
                   "without it.")});
  for (const UsbDevice& device : facts.usb_devices.value_or({})) {
    if (device.is_hub()) continue;
    error.context.emplace_back(
        N_("There is {device}: {ids}"),
        std::vector<Field>{{"device", usb_name(device)}, {"ids", usb_ids(device)}});
  }
  return error;
}

// Null: it is not plugged in, and need not be.
Result<const UsbDevice*> find_wanted(const Facts& facts, const Vm::Device& wanted) {
  const std::vector<UsbDevice>* all = facts.usb_devices.value();
  if (const Unreadable* unread = facts.usb_devices.unreadable()) {
    return error_of(ErrorCode::Io, {N_("Could not read {path}: {why}"),
                                    {{"path", unread->path}, {"why", unread->why}}});
  }
  Devices found;
  if (all != nullptr) {
    for (const UsbDevice& device : *all) {
      if (is_meant(wanted, device)) found.push_back(&device);
    }
  }
  if (found.size() > 1) return several(wanted, found);
  if (found.size() == 1) return found.front();
  if (wanted.is_optional) return nullptr;
  return not_there(facts, wanted);
}

Result<void> check_free(const UsbDevice& device) {
  // A VM may wait for a device of these ids, whichever port it comes to.
  for (const std::string& name : {device.port, usb_ids(device)}) {
    if (const auto by = reserved_by(kReservationDirectory, name)) {
      return reservation_taken(name, by);
    }
  }
  const bool claimed = std::ranges::any_of(device.interfaces, [](const UsbInterface& interface) {
    return interface.driver.value_or("") == "usbfs";
  });
  if (!claimed) return {};
  return error_of(ErrorCode::Busy,
                  {N_("{device} is in use by another program, which talks to it by itself (driver "
                      "usbfs)."),
                   {{"device", usb_name(device)}}},
                  {N_("End that program first: another VM's QEMU, for example, or one for scanners "
                      "or phones.")});
}

Result<void> check_safety(const Facts& facts, const UsbDevice& device,
                          const std::vector<std::string>& force) {
  const DeviceSafetyReport report = device_safety(facts, device);
  const bool forced = std::ranges::find(force, device.port) != force.end();
  // What has a link or a keyboard beside another one is in use, and a person should know.
  if (report.safety == DeviceSafety::Free || forced) return {};
  Error error =
      error_of(ErrorCode::Conflict,
               {N_("The host would lose {device}, and it is not sure that it can do without."),
                {{"device", usb_name(device)}}},
               {N_("If you know better: --force {device}"), {{"device", device.port}}});
  for (const SafetyReason& reason : report.reasons) error.context.push_back(reason.text);
  return error;
}

// For a user whom nobody hands anything: the node must be open to them.
Result<void> check_access(const HostReader& host, const VmEnvironment& environment,
                          const UsbDevice& device) {
  const std::string node = usb_node(device);
  const Result<bool> usable = host.may_access(node, Access::ReadWrite);
  if (usable && *usable) return {};
  const std::string rule =
      format(R"(SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{:04x}", )"
             R"(ATTR{{idProduct}}=="{:04x}", GROUP="kvm", MODE="0660")",
             device.vendor_id, device.product_id);
  Error error = error_of(
      ErrorCode::Denied,
      {N_("The user {user} may not open {device} ({path})"),
       {{"user", environment.owner.name}, {"device", usb_name(device)}, {"path", node}}},
      {N_("Start the VM with sudo, which hands it to that user. Or let the group kvm have it for "
          "good: write this line into {file}, then plug it in anew: {rule}"),
       {{"file", "/etc/udev/rules.d/91-usb-for-vms.rules"}, {"rule", rule}}});
  error.path = node;
  return error;
}

// It is taken once it is plugged in (QEMU looks every two seconds: usb_host_auto_timer,
// hw/usb/host-libusb.c), where the user may open it then.
Result<void> wait_for(const Vm::Device& wanted, UsbChoice& choice,
                      std::vector<UsbAttachment>& attachments) {
  const std::string name = written_name(wanted);
  if (const auto by = reserved_by(kReservationDirectory, name)) return reservation_taken(name, by);
  choice.names.push_back(name);
  UsbAttachment attachment;
  attachment.port = wanted.usb_port;
  if (wanted.usb_ids) attachment.ids = {wanted.usb_ids->vendor, wanted.usb_ids->product};
  attachments.push_back(std::move(attachment));
  return {};
}

}  // namespace

bool hands_over_usb(const Vm& vm) {
  return std::ranges::any_of(vm.devices,
                             [](const Vm::Device& device) { return device.pci.empty(); });
}

Result<UsbChoice> choose_usb_devices(const HostReader& host, const Facts& facts,
                                     const VmEnvironment& environment, const Vm& vm,
                                     const std::vector<std::string>& force) {
  UsbChoice choice;
  std::vector<UsbAttachment> attachments;
  for (const Vm::Device& wanted : vm.devices) {
    if (!wanted.pci.empty()) continue;
    const UsbDevice* device = TRY(find_wanted(facts, wanted));
    if (device == nullptr) {
      TRY(wait_for(wanted, choice, attachments));
      continue;
    }
    // One table may name it by its port, another by its ids.
    if (std::ranges::find(choice.names, device->port) != choice.names.end()) continue;
    if (device->is_hub()) {
      return error_of(ErrorCode::Unsupported,
                      {N_("{device} is a hub: what is plugged into it can be handed over, it "
                          "cannot."),
                       {{"device", usb_name(*device)}}});
    }
    TRY(check_free(*device));
    TRY(check_safety(facts, *device, force));
    if (host.user_id() == 0) {
      std::ranges::move(hand_over_usb(*device, environment.owner.uid, environment.owner.gid,
                                      environment.owner.name),
                        std::back_inserter(choice.changes));
    } else {
      TRY(check_access(host, environment, *device));
    }
    choice.names.push_back(device->port);
    attachments.push_back(
        {.port = device->port, .ids = std::pair(device->vendor_id, device->product_id)});
  }
  choice.arguments = usb_guest_devices(attachments);
  return choice;
}

}  // namespace cleave
