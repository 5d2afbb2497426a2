#include "app/qemu_probe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "base/format.h"
#include "facts/qemu_questions.h"
#include "run/qmp.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// QEMU answers within 0.1 s; a disk that wakes up and a busy machine take seconds.
constexpr auto kPatience = std::chrono::seconds(20);
constexpr std::size_t kMostHelp = std::size_t{64} << 10U;  // the help has some 200 bytes
constexpr int kMonitorNumber = 3;  // of the monitor in QEMU: the first after the standard three

// Nothing of the caller's that changes what QEMU finds (QEMU_MODULE_DIR, QEMU_AUDIO_DRV).
ProcessSpec spec_for(std::vector<std::string> argv, const std::optional<Credentials>& credentials) {
  ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LC_ALL", "C"}, {"HOME", "/"}};
  spec.inherit_environment = false;
  spec.die_with_parent = true;
  spec.credentials = credentials;
  spec.working_directory = "/";
  return spec;
}

// Is killed at the end, if it has not ended by then.
class Child {
 public:
  static Result<Child> start(const ProcessSpec& spec) { return Child(TRY(Process::start(spec))); }
  Child(Child&& other) noexcept : process_(std::move(other.process_)) { other.process_.reset(); }
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!process_) return;
    (void)process_->send_signal(SIGKILL);
    (void)process_->wait(kPatience);
  }

 private:
  explicit Child(Process process) : process_(std::move(process)) {}

  std::optional<Process> process_;
};

Error too_slow(const std::string& program) {
  return system_error(ETIMEDOUT, {N_("{program} does not answer"), {{"program", program}}});
}

// What it prints before it ends.
Result<std::string> help_of(const std::string& program, const std::vector<std::string>& arguments,
                            const std::optional<Credentials>& credentials) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return system_error(errno, {N_("Could not make a pipe")});
  }
  const OwnedFd output(ends[0]);
  OwnedFd theirs(ends[1]);
  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  ProcessSpec spec = spec_for(std::move(argv), credentials);
  spec.descriptors = {{STDOUT_FILENO, theirs.get()}};
  const Child child = TRY(Child::start(spec));
  theirs.reset();
  const auto end = Clock::now() + kPatience;
  std::string text;
  std::array<char, 4096> buffer{};
  while (text.size() < kMostHelp) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return too_slow(program);
    pollfd waiting{.fd = output.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;
    const ssize_t count = ::read(output.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

// A QEMU with a monitor and no machine. Some end when they are asked for a device: the modules of
// 8.2 for virtio-gpu need that of OpenGL and do not say so (run with Ubuntu 24.04's). So another is
// started, with a display that loads it and needs no session; if even that one ends, it is taken to
// have no such device.
class Asked {
 public:
  static Result<Asked> start(const std::string& program,
                             const std::optional<Credentials>& credentials) {
    Asked asked(program, credentials);
    TRY(asked.launch("none"));
    return asked;
  }

  Result<Json> execute(const std::string& command, Json arguments) {
    Result<Json> reply = monitor_->execute(command, arguments, kPatience);
    if (!is_gone(reply)) return reply;
    if (!std::exchange(tried_opengl_, true) && launch("dbus,p2p=on")) {
      reply = monitor_->execute(command, std::move(arguments), kPatience);
      if (!is_gone(reply)) return reply;
    }
    TRY(launch("none"));
    Error ended = std::move(reply).error();
    ended.code = ErrorCode::NotFound;
    return ended;
  }

  void quit() { (void)monitor_->execute("quit", Json::object(), kPatience); }

 private:
  Asked(std::string program, std::optional<Credentials> credentials)
      : program_(std::move(program)), credentials_(std::move(credentials)) {}

  static bool is_gone(const Result<Json>& reply) {
    return !reply && reply.error().error_number == ECONNRESET;
  }

  Result<void> launch(const std::string& display) {
    // A pair of sockets that only these two processes have: nothing to find in any directory.
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      return system_error(errno, {N_("Could not make a pair of sockets")});
    }
    OwnedFd ours(ends[0]);
    OwnedFd theirs(ends[1]);
    ProcessSpec spec = spec_for(
        {program_, "-machine", "none", "-nodefaults", "-no-user-config", "-S", "-display", display,
         "-chardev", format("socket,id=monitor,fd={}", kMonitorNumber), "-qmp", "chardev:monitor"},
        credentials_);
    spec.descriptors = {{kMonitorNumber, theirs.get()}};
    child_.reset();
    child_.emplace(TRY(Child::start(spec)));
    theirs.reset();
    monitor_ = TRY(QmpClient::negotiate(std::move(ours), kPatience));
    return {};
  }

  std::string program_;
  std::optional<Credentials> credentials_;
  bool tried_opengl_ = false;
  std::optional<Child> child_;
  std::optional<QmpClient> monitor_;  // after start() there is always one, though it may be gone
};

}  // namespace

Result<QemuAbilities> ask_qemu(const std::string& program,
                               const std::optional<Credentials>& credentials) {
  Asked asked = TRY(Asked::start(program, credentials));
  const QemuMeans means{
      .monitor = [&asked](const std::string& command,
                          Json arguments) { return asked.execute(command, std::move(arguments)); },
      .help =
          [&](std::vector<std::string> arguments) {
            arguments.emplace(arguments.begin(), "-no-user-config");
            return help_of(program, arguments, credentials);
          }};
  Result<QemuAbilities> abilities = ask_abilities(means);
  asked.quit();
  return abilities;
}

}  // namespace cleave
