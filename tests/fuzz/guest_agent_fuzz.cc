// QEMU's guest agent, which is whatever program the guest has at that port.
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "fuzz.h"
#include "run/guest_agent.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = cleave::fuzz::text_of(data, size);
  cleave::GuestAgentAnswers whole;
  whole.add(text);
  for (int i = 0; i < 1000; ++i) {
    const auto answer = whole.take();
    if (!answer || !*answer) break;
    cleave::fuzz::require((*answer)->as_object() != nullptr);
  }
  if (size > 65536) return 0;  // what fits into a socket's buffer at once
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return 0;
  const cleave::OwnedFd peer(ends[0]);
  cleave::OwnedFd ours(ends[1]);
  if (::send(peer.get(), data, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return 0;
  ::shutdown(peer.get(), SHUT_WR);  // nothing is waited for
  (void)cleave::GuestAgent::synchronise(std::move(ours), std::chrono::milliseconds(100));
  return 0;
}
