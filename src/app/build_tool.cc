#include "app/build_tool.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/format.h"
#include "base/text.h"
#include "host/replace.h"
#include "qemu_build/progress.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// ninja waits for what its compilers are at; a large file takes some seconds.
constexpr auto kPatience = std::chrono::seconds(10);
// For compilers to obey the signal that ninja passed on.
constexpr auto kGrace = std::chrono::seconds(3);
constexpr std::size_t kLongestLine = std::size_t{64} << 10U;
constexpr std::size_t kMostErrors = 8;
constexpr std::size_t kLastLines = 5;
// What the programs get of root's own environment: the way to the network.
constexpr std::array kKept = {"http_proxy",  "https_proxy", "no_proxy",     "HTTP_PROXY",
                              "HTTPS_PROXY", "NO_PROXY",    "SSL_CERT_FILE"};

Error disk_full(const std::string& directory) {
  Error error = system_error(ENOSPC, {N_("The disk is full where QEMU is built")}, directory);
  error.remedy = {N_("Make room; then the same command goes on where it stopped.")};
  return error;
}

// What a program says, cut into lines, and what of it matters if it fails.
class Output {
 public:
  explicit Output(const std::function<bool(std::string_view)>& on_line) : on_line_(on_line) {}

  void take(std::string_view bytes) {
    buffer_ += bytes;
    std::size_t end = 0;
    while ((end = buffer_.find('\n')) != std::string::npos) {
      take_line(std::string_view(buffer_).substr(0, end));
      buffer_.erase(0, end + 1);
    }
    if (buffer_.size() > kLongestLine) buffer_.clear();
  }
  void end() {
    if (!buffer_.empty()) take_line(buffer_);
    buffer_.clear();
  }

  [[nodiscard]] bool is_enough() const { return enough_; }
  [[nodiscard]] bool disk_is_full() const { return full_; }
  // The first errors, or where there are none the last lines.
  [[nodiscard]] std::string why() const { return join(errors_.empty() ? last_ : errors_, "\n"); }

 private:
  void take_line(std::string_view line) {
    full_ = full_ || says_disk_full(line);
    if (errors_.size() < kMostErrors) {
      for (std::string& error : first_errors(line, 1)) errors_.push_back(std::move(error));
    }
    if (!trim(line).empty()) last_.push_back(printable(line.substr(0, 300)));
    if (last_.size() > kLastLines) last_.erase(last_.begin());
    if (on_line_ && on_line_(line)) enough_ = true;
  }

  const std::function<bool(std::string_view)>& on_line_;
  std::string buffer_;
  std::vector<std::string> errors_;
  std::vector<std::string> last_;
  bool enough_ = false;
  bool full_ = false;
};

// The processes of a session.
std::vector<pid_t> members_of(pid_t session) {
  std::vector<pid_t> members;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    const auto process = parse_unsigned<std::uint32_t>(entry.path().filename().string());
    if (process && ::getsid(static_cast<pid_t>(*process)) == session) {
      members.push_back(static_cast<pid_t>(*process));
    }
  }
  return members;
}

// ninja gives each compiler a group of its own (subprocess-posix.cc), passes the signal on and does
// not wait for them: only the session tells when the last one has gone.
void await_session(pid_t session) {
  const auto asked_until = Clock::now() + kGrace;
  const auto until = Clock::now() + kPatience;
  while (Clock::now() < until) {
    const std::vector<pid_t> members = members_of(session);
    if (members.empty()) return;
    if (Clock::now() > asked_until) {
      for (const pid_t member : members) (void)::kill(member, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

// A program with all that it started.
class Group {
 public:
  explicit Group(Process process) : process_(std::move(process)) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() { end(); }

  Process& process() { return process_; }
  void end() {
    if (ended_) return;
    ended_ = true;
    // As Ctrl-C at a terminal would; ninja then ends its compilers and keeps what is complete.
    (void)::kill(-process_.id(), SIGINT);
    const auto in_time = process_.wait(kPatience);
    (void)::kill(-process_.id(), SIGKILL);
    if (!in_time || !*in_time) (void)process_.wait(kPatience);
    await_session(process_.id());
  }

 private:
  Process process_;
  bool ended_ = false;
};

// Which of its end, output and a cancel comes first.
enum class News { Output, Ended, Cancelled, TooLate };

Result<News> wait_for_news(Process& process, int output, int cancel,
                           const std::optional<Clock::time_point>& until) {
  while (true) {
    std::array<pollfd, 3> waiting = {
        pollfd{.fd = output, .events = POLLIN, .revents = 0},
        pollfd{.fd = process.descriptor(), .events = POLLIN, .revents = 0},
        pollfd{.fd = cancel, .events = POLLIN, .revents = 0}};
    int limit = -1;
    if (until) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()).count();
      if (left <= 0) return News::TooLate;
      limit = static_cast<int>(left);
    }
    const int count = ::poll(waiting.data(), waiting.size(), limit);
    if (count < 0 && errno != EINTR) {
      return system_error(errno, {N_("Could not wait for the programs that build QEMU")});
    }
    if (count <= 0) continue;
    if (waiting[2].revents != 0) return News::Cancelled;
    if (waiting[0].revents != 0) return News::Output;
    if (waiting[1].revents != 0) return News::Ended;
  }
}

}  // namespace

Error build_interrupted() {
  return error_of(ErrorCode::Interrupted, {N_("The build of QEMU was interrupted.")},
                  {N_("The same command goes on where it stopped.")});
}

Result<BuildTools> BuildTools::open(std::string log_path, std::optional<Credentials> builder,
                                    std::string home, int cancel) {
  BuildTools tools;
  tools.log_ = OwnedFd(
      ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!tools.log_.is_open()) {
    return system_error(errno, {N_("Could not write {path}"), {{"path", log_path}}}, log_path);
  }
  tools.log_path_ = std::move(log_path);
  tools.builder_ = std::move(builder);
  tools.home_ = std::move(home);
  tools.cancel_ = cancel;
  return tools;
}

Result<void> BuildTools::check_cancel() const {
  pollfd waiting{.fd = cancel_, .events = POLLIN, .revents = 0};
  if (cancel_ >= 0 && ::poll(&waiting, 1, 0) > 0) return build_interrupted();
  return {};
}

ProcessSpec BuildTools::spec_for(const Run& run, int output) const {
  ProcessSpec spec;
  spec.argv = run.argv;
  spec.environment = run.environment;
  spec.environment.emplace_back("LC_ALL", "C");
  if (builder_) {
    spec.inherit_environment = false;
    spec.environment.emplace_back("PATH", "/usr/local/bin:/usr/bin:/bin");
    spec.environment.emplace_back("HOME", home_);
    for (const char* name : kKept) {
      const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it
      if (value != nullptr) spec.environment.emplace_back(name, value);
    }
  }
  spec.descriptors = {{STDOUT_FILENO, output}, {STDERR_FILENO, output}};
  spec.new_session = true;
  spec.die_with_parent = true;
  spec.credentials = builder_;
  spec.working_directory = run.directory;
  return spec;
}

Result<void> BuildTools::run(const Run& run) {
  TRY(check_cancel());
  const std::string header = format("\n+ {}\n", join(run.argv, " "));
  if (write_all(log_.get(), header) == ENOSPC) return disk_full(run.directory);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return system_error(errno, {N_("Could not make a pipe")});
  }
  const OwnedFd reading(ends[0]);
  OwnedFd writing(ends[1]);
  Result<Process> started = Process::start(spec_for(run, writing.get()));
  writing.reset();
  if (!started) return std::move(started).error();
  Group group(std::move(*started));
  Output output(run.on_line);
  std::optional<Clock::time_point> until;
  if (run.limit) until = Clock::now() + *run.limit;
  std::array<char, 65536> buffer{};
  bool open = true;
  while (true) {
    const News news =
        TRY(wait_for_news(group.process(), open ? reading.get() : -1, cancel_, until));
    if (news == News::Ended) break;
    if (news == News::Cancelled || news == News::TooLate) {
      group.end();
      if (news == News::Cancelled) return build_interrupted();
      return error_of(ErrorCode::Io,
                      {N_("{program} did not end within {seconds} seconds"),
                       {{"program", run.argv.front()}, {"seconds", run.limit->count()}}});
    }
    const ssize_t count = ::read(reading.get(), buffer.data(), buffer.size());
    if (count <= 0) {
      open = count < 0 && errno == EINTR;
      continue;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    if (write_all(log_.get(), bytes) == ENOSPC) return disk_full(log_path_);
    output.take(bytes);
    if (output.is_enough()) return {};
  }
  output.end();
  const std::optional<ProcessEnd> end = TRY(group.process().wait(kPatience));
  group.end();
  if (end && end->signal == 0 && end->exit_status == 0) return {};
  if (output.disk_is_full()) return disk_full(run.directory);
  Error error = error_of(ErrorCode::Io, {N_("{program} failed"), {{"program", run.argv.front()}}},
                         {N_("All that it said is in {path}."), {{"path", log_path_}}});
  if (const std::string why = output.why(); !why.empty()) {
    error.context.push_back({N_("What it said:\n{lines}"), {{"lines", why}}});
  }
  return error;
}

}  // namespace cleave
