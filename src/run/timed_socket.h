// A connected socket whose other side is waited for until a point in time and no longer: what the
// clients of QEMU's monitor and of the guest's agent have in common.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

class TimedSocket {
 public:
  using Clock = std::chrono::steady_clock;

  // The errors name the other side: `silence` when it does not take what it is sent, `gone` when
  // the connection is broken.
  TimedSocket(OwnedFd socket, Error (*silence)(), Error (*gone)(int error_number))
      : socket_(std::move(socket)), silence_(silence), gone_(gone) {}

  // All of it, or an error. With `file` goes an open file (SCM_RIGHTS, unix(7)); it stays open
  // here.
  Result<void> send_all(std::string_view bytes, Clock::time_point end,
                        std::optional<int> file = std::nullopt);
  // What has come, some at a time; empty at `end`.
  Result<std::optional<std::string>> receive_some(Clock::time_point end);
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  Result<bool> wait_for(short events, Clock::time_point end);

  OwnedFd socket_;
  Error (*silence_)();
  Error (*gone_)(int error_number);
};

}  // namespace cleave
