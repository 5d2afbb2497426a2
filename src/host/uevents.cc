#include "host/uevents.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"

namespace cleave {
namespace {

// The kernel's group; what udev sends on after its rules is group 2.
constexpr std::uint32_t kKernelGroup = 1;
// A message has at most 2 KiB of keys (include/linux/kobject.h, UEVENT_BUFFER_SIZE) and its path.
constexpr std::size_t kLongestMessage = 8192;
// In the kernel, for bursts: hundreds of virtual functions come at once.
constexpr int kReceiveBuffer = 1 << 20;
// A change comes with several events: one list for all of them.
constexpr std::chrono::milliseconds kQuiet(50);
constexpr int kMostWaits = 20;

Error no_events(int error_number) {
  return system_error(error_number, Message(N_("Could not listen to the kernel's events")));
}

Result<bool> is_readable(int socket, std::chrono::milliseconds limit) {
  pollfd watched{.fd = socket, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&watched, 1, static_cast<int>(limit.count()));
  if (ready < 0 && errno != EINTR) return no_events(errno);
  return ready > 0;
}

}  // namespace

std::optional<Uevent> parse_uevent(std::string_view message) {
  const auto parts = split(message, '\0');
  const std::size_t at = parts.front().find('@');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  Uevent event;
  event.action = parts.front().substr(0, at);
  event.device_path = parts.front().substr(at + 1);
  constexpr std::string_view kSubsystem = "SUBSYSTEM=";
  for (const std::string_view part : parts) {
    if (part.starts_with(kSubsystem)) event.subsystem = part.substr(kSubsystem.size());
  }
  return event;
}

bool concerns_vms(const Uevent& event) {
  // VFIO's devices are "vfio" (groups) and "vfio-dev" (drivers/vfio/group.c, vfio_main.c).
  constexpr std::array<std::string_view, 7> kSubsystems = {"drm", "mdev", "mdev_bus", "pci",
                                                           "usb", "vfio", "vfio-dev"};
  return std::ranges::find(kSubsystems, event.subsystem) != kSubsystems.end();
}

Result<Uevents> Uevents::listen() {
  OwnedFd socket(
      ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!socket.is_open()) return no_events(errno);
  // Best effort: with the default buffer a burst is lost, which is noticed.
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof(kReceiveBuffer));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kKernelGroup;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return no_events(errno);
  }
  return Uevents(std::move(socket));
}

Result<bool> Uevents::wait(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  bool found = false;
  while (!found) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !TRY(is_readable(socket_.get(), left))) return false;
    found = TRY(take_all());
  }
  for (int i = 0; i < kMostWaits && TRY(is_readable(socket_.get(), kQuiet)); ++i) {
    (void)TRY(take_all());
  }
  return true;
}

Result<bool> Uevents::take_all() {
  bool found = false;
  std::array<char, kLongestMessage> message{};
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof(sender);
    const ssize_t size = ::recvfrom(socket_.get(), message.data(), message.size(), MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0 && errno == EAGAIN) return found;
    if (size < 0 && errno == EINTR) continue;
    // Some did not fit into the kernel's buffer (netlink(7)).
    if (size < 0 && errno == ENOBUFS) {
      found = true;
      continue;
    }
    if (size < 0) return no_events(errno);
    if (sender.nl_pid != 0) continue;  // another process's, not the kernel's
    const auto length = static_cast<std::size_t>(size);
    if (length > message.size()) {
      found = true;  // cut: it may be about anything
      continue;
    }
    const auto event = parse_uevent({message.data(), length});
    found = found || (event && concerns_vms(*event));
  }
}

}  // namespace cleave
