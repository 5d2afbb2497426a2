// QEMU's monitor, as a guest that has taken QEMU over could speak.
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "run/qmp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What fits into a socket's buffer at once: no second thread is needed.
  if (size > 65536) return 0;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return 0;
  const cleave::OwnedFd peer(ends[0]);
  cleave::OwnedFd ours(ends[1]);
  if (::send(peer.get(), data, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return 0;
  ::shutdown(peer.get(), SHUT_WR);  // nothing is waited for
  auto client = cleave::QmpClient::negotiate(std::move(ours), std::chrono::milliseconds(100));
  if (!client) return 0;
  (void)client->execute("query-status", cleave::Json::object(), std::chrono::milliseconds(100));
  while (true) {
    const auto event = client->next_event(std::chrono::milliseconds(0));
    if (!event || !event->has_value()) return 0;
  }
}
