#include "run/qemu_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/format.h"
#include "run/vm_state.h"

namespace cleave {
namespace {

// The log holds QEMU's last words, not its life: the guest can make QEMU write without end.
constexpr size_t kMaximumLog = size_t{64} << 10U;

}  // namespace

Result<OwnedFd> QemuLog::open(const std::string& runtime_directory) {
  const std::string path = format("{}/{}", runtime_directory, kLogFile);
  file_ =
      OwnedFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  std::array<int, 2> ends{};
  if (!file_.is_open() || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return system_error(errno, Message(N_("Could not write {path}"), {{"path", path}}), path);
  }
  reader_ = OwnedFd(ends[0]);
  ::fcntl(reader_.get(), F_SETFL, O_NONBLOCK);
  return OwnedFd(ends[1]);
}

void QemuLog::drain() {
  std::array<char, 4096> bytes{};
  while (reader_.is_open()) {
    const ssize_t count = ::read(reader_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      reader_.reset();
      return;
    }
    keep({bytes.data(), static_cast<size_t>(count)});
  }
}

std::string QemuLog::words() const { return last_words(tail_); }

void QemuLog::keep(std::string_view bytes) {
  tail_ += bytes;
  if (tail_.size() <= kMaximumLog) {
    write(bytes);
    return;
  }
  tail_.erase(0, tail_.size() - kMaximumLog / 2);
  if (::ftruncate(file_.get(), 0) == 0 && ::lseek(file_.get(), 0, SEEK_SET) == 0) write(tail_);
}

// A full disk must not end the supervisor; the words are in memory, too.
void QemuLog::write(std::string_view bytes) {
  const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
  (void)written;
}

}  // namespace cleave
