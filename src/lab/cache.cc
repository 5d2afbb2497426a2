#include "lab/cache.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "base/format.h"
#include "base/text.h"
#include "run/process.h"

namespace cleave {
namespace {

constexpr std::size_t kOutputLimit = std::size_t{1} << 20U;
constexpr std::size_t kTailBytes = std::size_t{64} << 10U;
constexpr std::size_t kLogLines = 15;
constexpr int kLockRetryMilliseconds = 200;

Error interrupted() { return lab_error(ErrorCode::Interrupted, Message(N_("Interrupted"))); }

Error cannot_write(int error_number, const std::string& path) {
  return system_error(error_number, Message(N_("Could not write {path}"), {{"path", path}}), path);
}

Error cannot_read(int error_number, const std::string& path) {
  return system_error(error_number, Message(N_("Could not read {path}"), {{"path", path}}), path);
}

Error tool_error(const ToolRun& run, const Message& message) {
  Error error = lab_error(ErrorCode::Io, message, run.log_path);
  const std::string tail = file_tail(run.log_path, kLogLines);
  if (!tail.empty()) {
    error.context.push_back(
        Message(N_("Last lines of {path}:\n{lines}"), {{"path", run.log_path}, {"lines", tail}}));
  }
  return error;
}

// Which of a process and a cancel descriptor comes first; false after `limit`.
Result<bool> wait_or_cancel(const Process& process, const ToolRun& run) {
  const auto end = std::chrono::steady_clock::now() + run.limit;
  while (true) {
    std::array<pollfd, 2> waiting = {
        pollfd{.fd = process.descriptor(), .events = POLLIN, .revents = 0},
        pollfd{.fd = run.cancel_descriptor, .events = POLLIN, .revents = 0}};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    const int count = ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
    if (count < 0 && errno != EINTR) {
      return system_error(
          errno, Message(N_("Could not wait for {program}"), {{"program", run.argv.front()}}));
    }
    if (count <= 0) continue;
    if (waiting[0].revents != 0) return true;
    if (waiting[1].revents != 0) return interrupted();
  }
}

Result<OwnedFd> open_lock_file(const std::string& path) {
  OwnedFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return cannot_write(errno, path);
  return file;
}

}  // namespace

Error lab_error(ErrorCode code, Message message, std::string path, Message remedy) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  error.path = std::move(path);
  error.remedy = std::move(remedy);
  return error;
}

Result<OwnedFd> try_lock(const std::string& path) {
  OwnedFd file = TRY(open_lock_file(path));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno != EWOULDBLOCK) return cannot_write(errno, path);
  return lab_error(ErrorCode::Busy, Message(N_("Another process uses {path}"), {{"path", path}}),
                   path);
}

Result<OwnedFd> wait_for_lock(const std::string& path, int cancel_descriptor,
                              const std::function<void()>& on_wait) {
  bool told = false;
  while (true) {
    Result<OwnedFd> lock = try_lock(path);
    if (lock || lock.error().code != ErrorCode::Busy) return lock;
    if (!told && on_wait) on_wait();
    told = true;
    pollfd waiting{.fd = cancel_descriptor, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kLockRetryMilliseconds) > 0) return interrupted();
  }
}

Result<void> make_directory_once(const std::string& directory,
                                 const std::function<Result<void>(const std::string&)>& make) {
  const std::string partial = directory + ".partial";
  remove_tree(partial);
  TRY(make_directories(partial));
  Result<void> made = make(partial);
  if (!made) {
    remove_tree(partial);
    return made;
  }
  // All data is on the disk before the name says so: a power cut must not leave empty files.
  const OwnedFd opened(::open(partial.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open() || ::syncfs(opened.get()) != 0) return cannot_write(errno, partial);
  if (::rename(partial.c_str(), directory.c_str()) != 0) return cannot_write(errno, directory);
  return {};
}

Result<void> run_tool(const ToolRun& run) {
  const OwnedFd log(::open(run.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log.is_open()) return cannot_write(errno, run.log_path);
  ProcessSpec spec;
  spec.argv = run.argv;
  spec.environment = {{"LC_ALL", "C"}};
  spec.descriptors = {{1, log.get()}, {2, log.get()}};
  spec.working_directory = run.working_directory;
  spec.die_with_parent = true;
  Process process = TRY(Process::start(spec));
  Result<bool> waited = wait_or_cancel(process, run);
  if (!waited || !*waited) {
    TRY(process.send_signal(SIGKILL));
    TRY(process.wait(std::chrono::seconds(5)));
    if (!waited) return std::move(waited).error();
    return tool_error(run,
                      Message(N_("{program} did not end within {seconds} seconds"),
                              {{"program", run.argv.front()}, {"seconds", run.limit.count()}}));
  }
  const std::optional<ProcessEnd> end = TRY(process.wait(std::chrono::seconds(5)));
  if (end && end->signal == 0 && end->exit_status == 0) return {};
  return tool_error(run, Message(N_("{program} failed"), {{"program", run.argv.front()}}));
}

Result<std::string> tool_output(const std::vector<std::string>& argv) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return system_error(errno, Message(N_("Could not start {program}"), {{"program", argv[0]}}));
  }
  const OwnedFd reading(ends[0]);
  OwnedFd writing(ends[1]);
  ProcessSpec spec;
  spec.argv = argv;
  spec.environment = {{"LC_ALL", "C"}};
  spec.descriptors = {{1, writing.get()}};
  spec.die_with_parent = true;
  Process process = TRY(Process::start(spec));
  writing.reset();
  std::string output;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = ::read(reading.get(), buffer.data(), buffer.size())) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 || output.size() > kOutputLimit) break;
    output.append(buffer.data(), static_cast<std::size_t>(count));
  }
  const std::optional<ProcessEnd> end = TRY(process.wait(std::chrono::seconds(30)));
  if (end && end->signal == 0 && end->exit_status == 0 && output.size() <= kOutputLimit) {
    return output;
  }
  return lab_error(ErrorCode::Io, Message(N_("{program} failed"), {{"program", join(argv, " ")}}));
}

Result<std::string> read_whole_file(const std::string& path, std::size_t limit) {
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return cannot_read(errno, path);
  std::string content;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_read(errno, path);
    if (count == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > limit) return cannot_read(EFBIG, path);
  }
}

Result<void> write_whole_file(const std::string& path, std::string_view content,
                              std::uint32_t mode) {
  const OwnedFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!file.is_open()) return cannot_write(errno, path);
  while (!content.empty()) {
    const ssize_t count = ::write(file.get(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_write(errno, path);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> make_directories(const std::string& path) {
  std::error_code problem;
  std::filesystem::create_directories(path, problem);
  if (problem) return cannot_write(problem.value(), path);
  return {};
}

void remove_tree(const std::string& path) {
  std::error_code ignored;  // what cannot be removed is found by the next run
  std::filesystem::remove_all(path, ignored);
}

std::string file_tail(const std::string& path, std::size_t line_count) {
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat found{};
  if (!file.is_open() || ::fstat(file.get(), &found) != 0) return {};
  const auto size = static_cast<std::size_t>(found.st_size);
  const std::size_t start = size > kTailBytes ? size - kTailBytes : 0;
  std::string text(size - start, '\0');
  const ssize_t count = ::pread(file.get(), text.data(), text.size(), static_cast<off_t>(start));
  if (count <= 0) return {};
  text.resize(static_cast<std::size_t>(count));
  std::vector<std::string> kept;
  for (const std::string_view line : lines(text)) {
    const std::string_view trimmed = trim(line);
    if (!trimmed.empty()) kept.push_back(printable(trimmed));
  }
  if (kept.size() > line_count) {
    kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(line_count));
  }
  return join(kept, "\n");
}

std::uint64_t content_hash(std::string_view content, std::uint64_t start) {
  constexpr std::uint64_t kPrime = 0x100000001b3U;
  std::uint64_t hash = start;
  for (const char byte : content) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= kPrime;
  }
  return hash;
}

}  // namespace cleave
