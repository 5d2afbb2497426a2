#include "run/rfb.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "run/local_socket.h"

namespace cleave {
namespace {

using std::chrono::steady_clock;

// RFC 6143: 7.1.1 version, 7.1.2 security types, 7.5 client messages, 7.6 server messages.
constexpr std::string_view kVersion = "RFB 003.008\n";
constexpr std::uint8_t kSecurityNone = 1;
constexpr std::uint8_t kSetPixelFormat = 0;
constexpr std::uint8_t kSetEncodings = 2;
constexpr std::uint8_t kUpdateRequest = 3;
constexpr std::uint8_t kFramebufferUpdate = 0;
constexpr std::uint8_t kSetColourMap = 1;
constexpr std::uint8_t kBell = 2;
constexpr std::uint8_t kServerCutText = 3;
constexpr std::uint32_t kRawEncoding = 0;
constexpr std::size_t kBytesPerPixel = 4;

Error not_rfb() {
  return error_of(ErrorCode::Malformed,
                  {N_("What answered at the VNC socket does not speak its protocol.")});
}

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char byte : bytes) number = (number << 8U) | static_cast<unsigned char>(byte);
  return number;
}

void append_big_endian(std::string& bytes, std::uint32_t number, std::size_t size) {
  for (std::size_t left = size; left > 0; --left) {
    bytes += static_cast<char>((number >> (8U * (left - 1))) & 0xFFU);
  }
}

class Session {
 public:
  Session(OwnedFd socket, steady_clock::time_point end) : socket_(std::move(socket)), end_(end) {}

  Result<Picture> capture() {
    TRY(shake_hands());
    TRY(choose_format());
    TRY(request_everything());
    // Rectangles come in as many updates as the server likes; together they are the screen.
    std::size_t missing = std::size_t{picture_.width} * picture_.height;
    while (missing > 0) {
      const std::size_t drawn = TRY(read_message());
      missing -= std::min(missing, drawn);
    }
    return std::move(picture_);
  }

 private:
  Result<void> wait_for(short events) {
    while (true) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(end_ - steady_clock::now()).count();
      pollfd waiting{.fd = socket_.get(), .events = events, .revents = 0};
      const int ready =
          left > 0 ? ::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)))
                   : 0;
      if (ready > 0) return {};
      if ((ready < 0 && errno != EINTR) || left <= 0) {
        return system_error(ready < 0 ? errno : ETIMEDOUT,
                            {N_("The VM's screen could not be read over VNC")});
      }
    }
  }

  Result<std::string> read(std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t filled = 0;
    while (filled < size) {
      TRY(wait_for(POLLIN));
      const ssize_t count =
          ::recv(socket_.get(), bytes.data() + filled, size - filled, MSG_DONTWAIT);
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count <= 0) {
        return system_error(count < 0 ? errno : ECONNRESET,
                            {N_("The VM's screen could not be read over VNC")});
      }
      filled += static_cast<std::size_t>(count);
    }
    return bytes;
  }

  Result<void> send(std::string_view bytes) {
    while (!bytes.empty()) {
      TRY(wait_for(POLLOUT));
      const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno != EINTR && errno != EAGAIN) {
        return system_error(errno, {N_("The VM's screen could not be read over VNC")});
      }
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }

  Result<void> shake_hands() {
    const std::string version = TRY(read(kVersion.size()));
    if (!version.starts_with("RFB 003.")) return not_rfb();
    TRY(send(kVersion));
    const std::string count = TRY(read(1));
    const std::string types = TRY(read(big_endian(count)));
    if (types.find(static_cast<char>(kSecurityNone)) == std::string::npos) {
      return error_of(ErrorCode::Unsupported, {N_("The VM's VNC server asks for a password.")});
    }
    TRY(send(std::string(1, static_cast<char>(kSecurityNone))));
    if (big_endian(TRY(read(4))) != 0) return not_rfb();
    TRY(send(std::string(1, '\1')));  // ClientInit: others may watch, too
    const std::string screen = TRY(read(24));
    const std::string_view fields = screen;
    picture_.width = big_endian(fields.substr(0, 2));
    picture_.height = big_endian(fields.substr(2, 2));
    const std::uint32_t name_length = big_endian(fields.substr(20, 4));
    constexpr std::uint32_t kLongestName = 64 * 1024;
    if (picture_.width == 0 || picture_.height == 0 || picture_.width > kMaximumPictureSide ||
        picture_.height > kMaximumPictureSide || name_length > kLongestName) {
      return not_rfb();
    }
    TRY(read(name_length));
    picture_.pixels.assign(std::size_t{picture_.width} * picture_.height * 3, 0);
    return {};
  }

  // 32 bits a pixel, true colour, little-endian, red highest: the bytes are B G R 0. That is QEMU's
  // own format, for which it does not look at the flag of the byte order (ui/vnc.c,
  // set_pixel_conversion).
  Result<void> choose_format() {
    std::string message(1, static_cast<char>(kSetPixelFormat));
    message.append(3, '\0');
    constexpr std::array<std::uint8_t, 16> kFormat = {32, 24,  0,  1, 0, 255, 0, 255,
                                                      0,  255, 16, 8, 0, 0,   0, 0};
    for (const std::uint8_t byte : kFormat) message += static_cast<char>(byte);
    message += static_cast<char>(kSetEncodings);
    message += '\0';
    append_big_endian(message, 1, 2);
    append_big_endian(message, kRawEncoding, 4);
    return send(message);
  }

  Result<void> request_everything() {
    std::string message(1, static_cast<char>(kUpdateRequest));
    message += '\0';  // not incremental: the whole screen, changed or not
    append_big_endian(message, 0, 2);
    append_big_endian(message, 0, 2);
    append_big_endian(message, picture_.width, 2);
    append_big_endian(message, picture_.height, 2);
    return send(message);
  }

  // The number of pixels that the message brought.
  Result<std::size_t> read_message() {
    const std::string type = TRY(read(1));
    switch (static_cast<std::uint8_t>(type[0])) {
      case kFramebufferUpdate:
        return read_update();
      case kSetColourMap: {
        const std::string header = TRY(read(5));
        TRY(read(std::size_t{6} * big_endian(std::string_view(header).substr(3, 2))));
        return std::size_t{0};
      }
      case kBell:
        return std::size_t{0};
      case kServerCutText: {
        const std::string header = TRY(read(7));
        constexpr std::uint32_t kLongestText = 1U << 20U;
        const std::uint32_t length = big_endian(std::string_view(header).substr(3, 4));
        if (length > kLongestText) return not_rfb();
        TRY(read(length));
        return std::size_t{0};
      }
      default:
        return not_rfb();
    }
  }

  Result<std::size_t> read_update() {
    const std::string header = TRY(read(3));
    std::size_t drawn = 0;
    for (std::uint32_t left = big_endian(std::string_view(header).substr(1, 2)); left > 0; --left) {
      drawn += TRY(read_rectangle());
    }
    return drawn;
  }

  Result<std::size_t> read_rectangle() {
    const std::string header = TRY(read(12));
    const std::string_view fields = header;
    const std::uint32_t x = big_endian(fields.substr(0, 2));
    const std::uint32_t y = big_endian(fields.substr(2, 2));
    const std::uint32_t width = big_endian(fields.substr(4, 2));
    const std::uint32_t height = big_endian(fields.substr(6, 2));
    if (big_endian(fields.substr(8, 4)) != kRawEncoding || x + width > picture_.width ||
        y + height > picture_.height) {
      return not_rfb();
    }
    for (std::uint32_t row = y; row < y + height; ++row) {
      const std::string pixels = TRY(read(width * kBytesPerPixel));
      auto target = picture_.pixels.begin() +
                    static_cast<std::ptrdiff_t>((std::size_t{row} * picture_.width + x) * 3);
      for (std::size_t i = 0; i < pixels.size(); i += kBytesPerPixel) {
        target = std::reverse_copy(pixels.begin() + static_cast<std::ptrdiff_t>(i),
                                   pixels.begin() + static_cast<std::ptrdiff_t>(i) + 3, target);
      }
    }
    return std::size_t{width} * height;
  }

  OwnedFd socket_;
  steady_clock::time_point end_;
  Picture picture_;
};

}  // namespace

Result<Picture> capture_over_rfb(OwnedFd socket, std::chrono::milliseconds limit) {
  return Session(std::move(socket), steady_clock::now() + limit).capture();
}

Result<Picture> capture_over_rfb(const std::string& socket_path, std::chrono::milliseconds limit) {
  return capture_over_rfb(TRY(connect_local_socket(socket_path)), limit);
}

}  // namespace cleave
