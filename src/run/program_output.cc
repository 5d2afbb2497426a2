#include "run/program_output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostOutput = std::size_t{64} << 10U;

// Until the end of file, the limit of bytes, or `end`.
std::string read_until(int descriptor, Clock::time_point end) {
  std::string text;
  std::array<char, 4096> bytes{};
  while (text.size() < kMostOutput) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) break;
    pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;
    const ssize_t count = ::read(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace

Result<ProgramOutput> output_of(ProcessSpec spec, std::chrono::milliseconds limit) {
  const std::string program = spec.argv.empty() ? std::string() : spec.argv.front();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return system_error(errno, {N_("Could not make a pipe")});
  }
  const OwnedFd ours(ends[0]);
  OwnedFd theirs(ends[1]);
  spec.descriptors.emplace_back(STDOUT_FILENO, theirs.get());
  spec.descriptors.emplace_back(STDERR_FILENO, theirs.get());
  const auto end = Clock::now() + limit;
  Process process = TRY(Process::start(spec));
  theirs.reset();
  ProgramOutput output;
  output.text = read_until(ours.get(), end);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  const auto ended = process.wait(std::max(left, std::chrono::milliseconds(0)));
  if (!ended || !ended->has_value()) {
    (void)process.send_signal(SIGKILL);
    (void)process.wait(std::chrono::seconds(10));
    return system_error(ETIMEDOUT, {N_("{program} does not answer"), {{"program", program}}});
  }
  output.end = **ended;
  return output;
}

}  // namespace cleave
