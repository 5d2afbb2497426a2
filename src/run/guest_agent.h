// A client of QEMU's guest agent, a program in the guest, over the socket of its channel
// (docs/interop/qemu-ga-ref). The guest may be anybody's: every answer is bounded and untrusted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "run/timed_socket.h"

namespace cleave {

// Puts what the agent sends together: answers are lines of JSON. What comes before a byte 0xff,
// which JSON never has, is dropped: an earlier client left it unread.
class GuestAgentAnswers {
 public:
  static constexpr std::size_t kLongestAnswer = std::size_t{64} << 10U;

  void add(std::string_view bytes);
  // The next whole answer; empty if there is none yet. Malformed: it is no JSON object, or it has
  // no end.
  Result<std::optional<Json>> take();

 private:
  std::string buffer_;
  bool synchronised_ = false;
  bool overflow_ = false;
};

class GuestAgent {
 public:
  // Connects and finds out whether an agent is there: the channel is QEMU's, and takes connections
  // without one, too. ETIMEDOUT: nobody answers within `limit`.
  static Result<GuestAgent> connect(const std::string& socket_path,
                                    std::chrono::milliseconds limit);
  // The same over a descriptor that is connected already.
  static Result<GuestAgent> synchronise(OwnedFd socket, std::chrono::milliseconds limit);

  // Sends a command and waits for its answer; the agent's refusal is an error with its text.
  Result<Json> execute(const std::string& command, Json arguments, std::chrono::milliseconds limit);
  // For what answers only if it fails, as guest-shutdown does: an error that came within `limit`.
  Result<void> tell(const std::string& command, Json arguments, std::chrono::milliseconds limit);

 private:
  explicit GuestAgent(TimedSocket socket) : socket_(std::move(socket)) {}
  Result<std::optional<Json>> receive(std::chrono::steady_clock::time_point end);

  TimedSocket socket_;
  GuestAgentAnswers answers_;
};

}  // namespace cleave
