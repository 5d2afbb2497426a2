// Signals that end a program wait while a file is being put into its place: what is half done is
// finished or taken back first.
#pragma once

#include <signal.h>  // NOLINT(modernize-deprecated-headers): pthread_sigmask is POSIX's

namespace cleave {

class SignalsWait {
 public:
  SignalsWait() {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int signal : kEnding) ::sigaddset(&ending, signal);
    ::pthread_sigmask(SIG_BLOCK, &ending, &before_);
  }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;
  ~SignalsWait() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  static constexpr int kEnding[] = {SIGINT, SIGTERM, SIGHUP};

 protected:
  sigset_t before_{};
};

// The same for work after which there is something to say. A signal that came meanwhile is kept,
// and ends the program in end_program(), which whoever prints the outcome calls. What a program
// blocks by itself (for a signalfd) is left to it.
class SignalsKept : private SignalsWait {
 public:
  SignalsKept() = default;
  SignalsKept(const SignalsKept&) = delete;
  SignalsKept& operator=(const SignalsKept&) = delete;
  ~SignalsKept() {
    sigset_t ours;
    ::sigemptyset(&ours);
    for (const int signal : kEnding) {
      if (::sigismember(&before_, signal) == 0) ::sigaddset(&ours, signal);
    }
    const timespec at_once{};
    const int signal = ::sigtimedwait(&ours, nullptr, &at_once);
    if (signal > 0) kept_ = signal;
  }

  // True if one came since, and waits or is kept.
  static bool has_come() {
    if (kept_ != 0) return true;
    sigset_t pending;
    ::sigemptyset(&pending);
    ::sigpending(&pending);
    for (const int signal : kEnding) {
      if (::sigismember(&pending, signal) == 1) return true;
    }
    return false;
  }

  // Ends the program as the signal would have; does nothing if none is kept.
  static void end_program() {
    if (kept_ == 0) return;
    ::signal(kept_, SIG_DFL);
    (void)::raise(kept_);
  }

 private:
  inline static int kept_ = 0;
};

}  // namespace cleave
