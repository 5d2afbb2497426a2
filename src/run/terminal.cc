#include "run/terminal.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "host/signals_wait.h"

namespace cleave {
namespace {

// Takes a terminal's own handling of keys away, and gives it back at the end.
class RawTerminal {
 public:
  explicit RawTerminal(int descriptor) : descriptor_(descriptor) {
    termios before{};
    if (descriptor < 0 || ::tcgetattr(descriptor, &before) != 0) return;
    termios raw = before;
    ::cfmakeraw(&raw);
    if (::tcsetattr(descriptor, TCSANOW, &raw) == 0) before_ = before;
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (before_) ::tcsetattr(descriptor_, TCSADRAIN, &*before_);
  }

 private:
  int descriptor_;
  std::optional<termios> before_;
};

OwnedFd ending_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : SignalsWait::kEnding) ::sigaddset(&signals, signal);
  return OwnedFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

Result<void> write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd waiting{.fd = descriptor, .events = POLLOUT, .revents = 0};
      (void)::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      return system_error(errno, {N_("Could not write the output")});
    }
  }
  return {};
}

Result<void> send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return system_error(errno, {N_("Could not write to the guest's serial port")});
    }
  }
  return {};
}

// Empty: go on.
Result<std::optional<RelayEnd>> from_guest(int socket, int output) {
  std::array<char, 16384> bytes{};
  const ssize_t count = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return std::optional<RelayEnd>();
  if (count <= 0) return std::optional(RelayEnd::OtherSide);
  TRY(write_all(output, {bytes.data(), static_cast<std::size_t>(count)}));
  return std::optional<RelayEnd>();
}

Result<std::optional<RelayEnd>> from_person(int input, int socket) {
  std::array<char, 4096> bytes{};
  const ssize_t count = ::read(input, bytes.data(), bytes.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return std::optional<RelayEnd>();
  if (count <= 0) return std::optional(RelayEnd::Input);
  const std::string_view typed(bytes.data(), static_cast<std::size_t>(count));
  const auto escape = typed.find(kConsoleEscape);
  TRY(send_all(socket, typed.substr(0, escape)));
  if (escape != std::string_view::npos) return std::optional(RelayEnd::Escape);
  return std::optional<RelayEnd>();
}

}  // namespace

Result<RelayEnd> relay(const OwnedFd& socket, int input, int output) {
  const SignalsKept kept;  // the terminal is put back before a signal ends the program
  const OwnedFd signals = ending_signals();
  const RawTerminal raw(input);
  while (true) {
    std::array<pollfd, 3> waiting{{{.fd = socket.get(), .events = POLLIN, .revents = 0},
                                   {.fd = signals.get(), .events = POLLIN, .revents = 0},
                                   {.fd = input, .events = POLLIN, .revents = 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[1].revents != 0) return RelayEnd::Interrupted;
    if (waiting[0].revents != 0) {
      if (const auto end = TRY(from_guest(socket.get(), output))) return *end;
    }
    if (waiting[2].revents != 0) {
      if (const auto end = TRY(from_person(input, socket.get()))) return *end;
    }
  }
}

}  // namespace cleave
