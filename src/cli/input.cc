#include "cli/input.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/fd.h"
#include "base/text.h"
#include "host/file_host.h"

namespace cleave {
namespace {

constexpr std::size_t kStep = std::size_t{64} << 10U;

Error too_large(const std::string& name, std::size_t limit) {
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message = {N_("{path} is larger than {limit} MiB; that is the most that is looked at."),
                   {{"path", printable(name)}, {"limit", limit >> 20U}}};
  error.path = name;
  error.remedy = Message(N_("Take a part of it: journalctl -k -b, or head and tail."));
  return error;
}

Error silent(const std::string& name) {
  Error error;
  error.code = ErrorCode::Io;
  error.message = {N_("Nothing came out of the pipe {path} for a long time."),
                   {{"path", printable(name)}}};
  error.path = name;
  error.remedy = Message(N_("Look whether a program writes into it, and ends."));
  return error;
}

Error unread(const std::string& name) {
  if (name == "-") return system_error(errno, Message(N_("Could not read standard input")), "-");
  return system_error(errno, Message(N_("Could not read {path}"), {{"path", printable(name)}}),
                      name);
}

// Nothing is waited for that does not come: not even for a writer of a FIFO (poll(2) says that
// there is none only after one has gone).
Result<std::string> read_pipe(int pipe, const std::string& name, std::size_t limit, int patience) {
  std::string bytes;
  std::string step(kStep, '\0');
  while (bytes.size() <= limit) {
    pollfd waiting{.fd = pipe, .events = POLLIN, .revents = 0};
    const int ready = patience < 0 ? 1 : ::poll(&waiting, 1, patience);
    if (ready == 0) return silent(name);
    const ssize_t got = ready < 0 ? -1 : ::read(pipe, step.data(), step.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return unread(name);
    if (got == 0) return bytes;
    bytes.append(step, 0, static_cast<std::size_t>(got));
  }
  return too_large(name, limit);
}

// A file that may not be read is a failure as any other: sudo is not the usual cure for a file
// that somebody pasted.
Error unreadable(Error error) {
  if (error.code == ErrorCode::Denied) error.code = ErrorCode::Io;
  return error;
}

}  // namespace

Result<std::string> read_input(const std::string& name, std::size_t limit,
                               std::chrono::milliseconds patience) {
  // Whoever types on standard input may take as long as he likes.
  if (name == "-") return read_pipe(STDIN_FILENO, name, limit, -1);
  std::error_code problem;
  const std::filesystem::path path = std::filesystem::absolute(name, problem);
  if (std::filesystem::is_fifo(path, problem)) {
    const OwnedFd pipe(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!pipe.is_open()) {
      return system_error(errno, Message(N_("Could not open {path}"), {{"path", printable(name)}}),
                          name);
    }
    return read_pipe(pipe.get(), name, limit, static_cast<int>(patience.count()));
  }
  const auto size = std::filesystem::file_size(path, problem);
  if (!problem && size > limit) return too_large(name, limit);
  Result<std::string> bytes = live_host()->read_file(path.string(), limit);
  if (!bytes) return unreadable(std::move(bytes).error());
  return bytes;
}

}  // namespace cleave
