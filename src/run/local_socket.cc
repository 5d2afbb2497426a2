#include "run/local_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>

namespace cleave {

Result<OwnedFd> connect_local_socket(const std::string& path) {
  const auto failed = [&path](int error_number) {
    return system_error(error_number, Message(N_("Could not connect to {path}"), {{"path", path}}),
                        path);
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return failed(ENAMETOOLONG);
  std::ranges::copy(path, static_cast<char*>(address.sun_path));
  // QEMU lets one wait in its queue: a blocking connect(2) would wait for ever behind that one.
  OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket interface
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (!socket.is_open() || ::connect(socket.get(), generic, sizeof(address)) != 0) {
    return failed(errno);
  }
  if (::fcntl(socket.get(), F_SETFL, 0) != 0) return failed(errno);
  return socket;
}

}  // namespace cleave
