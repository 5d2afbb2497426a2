// A client of QEMU's monitor protocol over a unix socket (docs/interop/qmp-spec.rst).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "run/timed_socket.h"

namespace cleave {

struct QmpEvent {
  std::string name;  // "SHUTDOWN"
  Json data;
};

class QmpClient {
 public:
  // Connects (trying again until `limit`, since QEMU makes the socket a little after its start),
  // reads the greeting and negotiates. `give_up` is asked between tries: true ends them
  // (QEMU has ended).
  static Result<QmpClient> connect(const std::string& socket_path, std::chrono::milliseconds limit,
                                   const std::function<bool()>& give_up = {});
  // Over a descriptor that is connected already (tests, socketpairs). QEMU greets early and answers
  // only when the machine is built; `give_up` is asked every 20 ms meanwhile (Interrupted).
  static Result<QmpClient> negotiate(OwnedFd socket, std::chrono::milliseconds limit,
                                     const std::function<bool()>& give_up = {});

  // Sends a command and waits for its answer; events that come between are kept. QEMU's refusal
  // is an error with its class and text; garbage is Malformed; silence is Io with ETIMEDOUT.
  Result<Json> execute(const std::string& command, Json arguments = Json::object(),
                       std::chrono::milliseconds limit = std::chrono::seconds(5));
  // Gives QEMU an open file, which it keeps under that name until it is told `closefd` over the
  // same monitor, or ends.
  Result<void> give_file(const std::string& name, int file);
  // The next event, or an empty optional after `limit`. Error when the other side is gone.
  Result<std::optional<QmpEvent>> next_event(std::chrono::milliseconds limit);
  [[nodiscard]] int descriptor() const { return socket_.descriptor(); }

 private:
  explicit QmpClient(TimedSocket socket) : socket_(std::move(socket)) {}
  Result<Json> converse(const std::string& command, Json arguments, std::optional<int> file,
                        std::chrono::milliseconds limit);
  Result<std::optional<Json>> read_message(std::chrono::steady_clock::time_point end);
  Result<Json> first_message(std::chrono::steady_clock::time_point end,
                             const std::function<bool()>& give_up);
  void keep_event(const Json& message);

  TimedSocket socket_;
  std::string buffer_;        // bytes read, not yet a whole line; at most 2 MiB
  std::size_t searched_ = 0;  // how much of the buffer is known to hold no end of line
  std::vector<QmpEvent> events_;
  std::uint64_t next_id_ = 1;
};

}  // namespace cleave
