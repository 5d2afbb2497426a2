// While a VM is watched, Ctrl-C and SIGTERM are read from a descriptor.
#pragma once

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "base/fd.h"

namespace cleave {

class ForegroundSignals {
 public:
  explicit ForegroundSignals(bool wanted) {
    if (!wanted) return;
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &signals, &before_);
    descriptor_ = OwnedFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    blocked_ = true;
  }
  ForegroundSignals(const ForegroundSignals&) = delete;
  ForegroundSignals& operator=(const ForegroundSignals&) = delete;
  ~ForegroundSignals() {
    if (blocked_) ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  // Lets a second Ctrl-C end this process as usual.
  void let_through() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  [[nodiscard]] bool take() const {
    signalfd_siginfo information{};
    return ::read(descriptor_.get(), &information, sizeof(information)) > 0;
  }

 private:
  OwnedFd descriptor_;
  sigset_t before_{};
  bool blocked_ = false;
};

}  // namespace cleave
