// What the kernel tells about devices that come, go and change: uevents, over netlink
// (lib/kobject_uevent.c). Everybody may listen.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

struct Uevent {
  std::string action;       // "add", "remove", "bind", "change", …
  std::string device_path;  // below /sys: "/devices/pci0000:00/0000:00:02.0"
  std::string subsystem;    // "pci"

  bool operator==(const Uevent&) const = default;
};

// One message of the kernel: "add@/devices/…", then KEY=VALUE, each with a zero byte at its end.
// Empty if it is of another form, as udev's own messages are.
std::optional<Uevent> parse_uevent(std::string_view message);

// Whether it is about a device that could be given to a VM.
bool concerns_vms(const Uevent& event);

class Uevents {
 public:
  // Events from now on. Io if the kernel gives no such socket.
  static Result<Uevents> listen();

  // Waits for an event that concerns VMs, at most `limit`; then for others until none comes for a
  // moment. False: none came. Events that were lost count as one that came.
  Result<bool> wait(std::chrono::milliseconds limit);

 private:
  explicit Uevents(OwnedFd socket) : socket_(std::move(socket)) {}
  // Takes all that is there; true if one concerns VMs.
  Result<bool> take_all();

  OwnedFd socket_;
};

}  // namespace cleave
