// What is put into a running VM and taken out again: discs and USB devices.
#pragma once

#include <optional>
#include <string>

#include "app/vm_place.h"
#include "base/json.h"
#include "base/result.h"
#include "host/host.h"

namespace cleave {

struct MediumReport {
  std::string disk;    // "disk1": of which drive
  std::string before;  // the file that was in it; empty: none
  std::string after;
  bool changed = false;
};

// `disk`: "disk1" or "1", as the definition counts from 0; empty: the only drive whose disc can be
// changed. `force`: although the guest holds the tray. Errors: NotFound, Denied (the VM's user may
// not read the file), Conflict (more than one drive), Busy (the guest does not let go of it).
struct MediumRequest {
  std::string name;
  std::string disk{};
  std::string file{};  // for insert_medium
  bool force = false;
};
Result<MediumReport> eject_medium(const HostReader& host, const VmEnvironment& environment,
                                  const MediumRequest& request);
Result<MediumReport> insert_medium(const HostReader& host, const VmEnvironment& environment,
                                   const MediumRequest& request);

// What `cleave vm usb` means: a device by "046d:c52b" or by "1-2.3".
struct UsbName {
  std::string text;
  std::string vendor;  // four digits; empty: by port
  std::string product;
  std::string bus;   // "1"
  std::string port;  // "2.3"

  // Of the device in QEMU: "usb-host-046d-c52b".
  [[nodiscard]] std::string device_id() const;
};
// Malformed if it is neither.
Result<UsbName> parse_usb_name(std::string_view text);

struct UsbReport {
  std::string device;  // its id in QEMU
  std::string what;    // "046d:c52b Unifying Receiver"
  bool changed = false;
};
// NotFound: it is not plugged in; Conflict: more than one is like that; Denied: the VM's user may
// not open it; Unsupported: the VM has no USB controller.
// Conflict also where the host cannot surely do without it, unless `force`; Busy: another VM or a
// program has it. It stays reserved for this VM until it is detached or the VM has ended.
Result<UsbReport> attach_usb(const HostReader& host, const VmEnvironment& environment,
                             const std::string& name, const UsbName& choice, bool force);
Result<UsbReport> detach_usb(const HostReader& host, const VmEnvironment& environment,
                             const std::string& name, const UsbName& choice);

}  // namespace cleave
