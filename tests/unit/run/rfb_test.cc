#include "run/rfb.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

namespace cleave {
namespace {

using namespace std::chrono_literals;

// What a server sends for a screen of 2 x 1 pixels, up to the pixels.
std::string greeting() {
  std::string bytes = "RFB 003.008\n";
  bytes += std::string("\1\1", 2);       // one security type: none
  bytes += std::string(4, '\0');         // security result: good
  bytes += std::string("\0\2\0\1", 4);   // width, height
  bytes += std::string(16, '\0');        // its own pixel format
  bytes += std::string("\0\0\0\1x", 5);  // name
  return bytes;
}

std::string rectangle(char x, char width, const std::string& pixels) {
  return std::string("\0", 1) + x + std::string("\0\0\0", 3) + width +
         std::string("\0\1\0\0\0\0", 6) + pixels;
}

// All of it is sent at once; what the client says is not looked at.
Result<Picture> capture_from(const std::string& server_bytes, bool close_after = true) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  OwnedFd server(ends[1]);
  EXPECT_EQ(::write(server.get(), server_bytes.data(), server_bytes.size()),
            static_cast<ssize_t>(server_bytes.size()));
  if (close_after) ::shutdown(server.get(), SHUT_WR);
  return capture_over_rfb(OwnedFd(ends[0]), 200ms);
}

TEST(Rfb, PutsTheRectanglesOfSeveralUpdatesTogether) {
  const std::string red("\0\0\xff\0", 4);
  const std::string blue("\xff\0\0\0", 4);
  const std::string update("\0\0\0\1", 4);
  const std::string bell("\2", 1);
  const Result<Picture> picture = capture_from(greeting() + update + rectangle(1, 1, blue) + bell +
                                               update + rectangle(0, 1, red));
  ASSERT_TRUE(picture) << english(picture.error());
  EXPECT_EQ(picture->width, 2U);
  EXPECT_EQ(picture->height, 1U);
  EXPECT_EQ(picture->pixels, (std::vector<std::uint8_t>{255, 0, 0, 0, 0, 255}));
}

TEST(Rfb, RefusesARectangleOutsideTheScreen) {
  const std::string update("\0\0\0\1", 4);
  const Result<Picture> picture =
      capture_from(greeting() + update + rectangle(1, 2, std::string(8, '\0')));
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().code, ErrorCode::Malformed);
}

TEST(Rfb, RefusesWhatIsNotRfbAndWhatIsTooLarge) {
  EXPECT_EQ(capture_from("HTTP/1.1 200 OK\r\n\r\n").error().code, ErrorCode::Malformed);
  std::string huge = greeting();
  huge.replace(18, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(capture_from(huge).error().code, ErrorCode::Malformed);
}

TEST(Rfb, TellsWhenAPasswordIsAskedFor) {
  EXPECT_EQ(capture_from(std::string("RFB 003.008\n\1\2", 14)).error().code,
            ErrorCode::Unsupported);
}

TEST(Rfb, TellsWhenTheServerIsGoneOrSilent) {
  EXPECT_EQ(capture_from(greeting().substr(0, 20)).error().error_number, ECONNRESET);
  EXPECT_EQ(capture_from(greeting(), false).error().error_number, ETIMEDOUT);
}

TEST(Rfb, NobodyListensIsNotFound) {
  EXPECT_EQ(capture_over_rfb("/nonexistent/vnc.sock", 10ms).error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace cleave
