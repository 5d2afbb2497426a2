#include "run/timed_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace cleave {
namespace {

// One sendmsg(2); an open file goes with the first byte (cmsg(3)).
ssize_t send_some(int socket, std::string_view bytes, std::optional<int> file) {
  iovec data{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (file) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &*file, sizeof(int));
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

// True when `events` came, false at `end`.
Result<bool> TimedSocket::wait_for(short events, Clock::time_point end) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd waiting{.fd = socket_.get(), .events = events, .revents = 0};
    const int count =
        ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000)));
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return gone_(errno);
    if (count == 0 && left <= 0) return false;
  }
}

Result<void> TimedSocket::send_all(std::string_view bytes, Clock::time_point end,
                                   std::optional<int> file) {
  while (!bytes.empty()) {
    const ssize_t sent = send_some(socket_.get(), bytes, file);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      file.reset();
    } else if (errno == EAGAIN) {
      if (!TRY(wait_for(POLLOUT, end))) return silence_();
    } else if (errno != EINTR) {
      return gone_(errno == EPIPE ? ECONNRESET : errno);
    }
  }
  return {};
}

Result<std::optional<std::string>> TimedSocket::receive_some(Clock::time_point end) {
  while (true) {
    std::array<char, 16384> bytes{};
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) return std::optional(std::string(bytes.data(), static_cast<std::size_t>(count)));
    if (count == 0) return gone_(ECONNRESET);
    if (errno != EAGAIN && errno != EINTR) return gone_(errno);
    if (errno == EAGAIN && !TRY(wait_for(POLLIN, end))) return std::optional<std::string>();
  }
}

}  // namespace cleave
