#include "run/picture.h"

#include <fcntl.h>
#include <png.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/fd.h"
#include "base/format.h"
#include "base/text.h"
#include "host/signals_wait.h"

namespace cleave {
namespace {

Error no_picture() {
  return error_of(ErrorCode::Malformed, {N_("QEMU's picture of the screen is damaged")});
}

bool is_blank(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r' || letter == '\v' ||
         letter == '\f';
}

// Takes blanks, comments and one number off the front of `bytes`.
std::optional<std::uint32_t> take_number(std::string_view& bytes) {
  while (!bytes.empty() && (is_blank(bytes.front()) || bytes.front() == '#')) {
    const size_t skipped = bytes.front() == '#' ? bytes.find('\n') : 0;
    if (skipped == std::string_view::npos) return std::nullopt;
    bytes.remove_prefix(skipped + 1);
  }
  const auto digits_end = std::ranges::find_if(bytes, [](char c) { return c < '0' || c > '9'; });
  const auto length = static_cast<size_t>(digits_end - bytes.begin());
  const auto number = parse_unsigned<std::uint32_t>(bytes.substr(0, length));
  bytes.remove_prefix(length);
  return number;
}

// 0 or errno.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

Error save_error(int error_number, const std::string& path) {
  Error error =
      system_error(error_number, Message(N_("Could not write {path}"), {{"path", path}}), path);
  if (error_number == ENOSPC || error_number == EDQUOT) {
    error.remedy = Message(N_("Free some space there, or name a file on another disk."));
  }
  return error;
}

int write_directly(const std::string& path, std::string_view content) {
  const OwnedFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  return file.is_open() ? write_all(file.get(), content) : errno;
}

int write_temporary(const std::string& temporary, std::string_view content, Durability durability) {
  const OwnedFd file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!file.is_open()) return errno;
  if (const int error_number = write_all(file.get(), content)) return error_number;
  if (durability == Durability::UntilReboot) return 0;
  return ::fsync(file.get()) == 0 ? 0 : errno;
}

}  // namespace

Result<Picture> parse_ppm(std::string_view bytes) {
  if (!bytes.starts_with("P6") || bytes.size() > kMaximumPpmBytes) return no_picture();
  bytes.remove_prefix(2);
  const auto width = take_number(bytes);
  const auto height = take_number(bytes);
  const auto largest_sample = take_number(bytes);
  if (!width || !height || largest_sample != 255U) return no_picture();
  if (*width == 0 || *height == 0) return no_picture();
  if (*width > kMaximumPictureSide || *height > kMaximumPictureSide) return no_picture();
  // Exactly one blank stands before the samples, which may look like blanks themselves.
  if (bytes.empty() || !is_blank(bytes.front())) return no_picture();
  bytes.remove_prefix(1);
  const size_t needed = size_t{3} * *width * *height;
  if (bytes.size() < needed) return no_picture();
  Picture picture{.width = *width, .height = *height, .pixels = {}};
  picture.pixels.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(needed));
  return picture;
}

Result<std::string> encode_png(const Picture& picture) {
  // libpng's simplified interface: it reports errors by its return value, not by longjmp.
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = picture.width;
  image.height = picture.height;
  image.format = PNG_FORMAT_RGB;
  if (picture.pixels.size() != size_t{3} * picture.width * picture.height) return no_picture();
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string encoded(size, '\0');
  if (png_image_write_to_memory(&image, encoded.data(), &size, 0, picture.pixels.data(), 0,
                                nullptr) == 0) {
    return error_of(ErrorCode::Internal, {N_("Could not turn the picture into a PNG: {reason}"),
                                          {{"reason", image.message}}});
  }
  encoded.resize(size);
  return encoded;
}

Result<void> save_file(const std::string& path, std::string_view content, Durability durability) {
  struct stat found{};
  const bool there = ::stat(path.c_str(), &found) == 0;
  if (there && !S_ISREG(found.st_mode)) {
    const int error_number = write_directly(path, content);
    if (error_number != 0) return save_error(error_number, path);
    return {};
  }
  const SignalsWait wait;
  const std::string temporary = format("{}.cleave-{}", path, ::getpid());
  int error_number = write_temporary(temporary, content, durability);
  if (error_number == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error_number = errno;
  if (error_number == 0) return {};
  ::unlink(temporary.c_str());
  return save_error(error_number, path);
}

}  // namespace cleave
