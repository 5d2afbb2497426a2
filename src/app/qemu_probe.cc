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

#include "base/format.h"
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

Result<void> ask_devices(QmpClient& monitor, QemuAbilities& abilities) {
  for (const QemuDevice& device : qemu_devices()) {
    const auto reply = monitor.execute("device-list-properties",
                                       Json::object({{"typename", device.name}}), kPatience);
    if (!reply && reply.error().code == ErrorCode::NotFound) continue;
    if (!reply) return reply.error();
    abilities.devices[device.name] = properties_in_reply(*reply, device.properties);
  }
  return {};
}

Result<QemuAbilities> ask_monitor(QmpClient& monitor) {
  const auto ask = [&monitor](const char* command, Json arguments = Json::object()) {
    return monitor.execute(command, std::move(arguments), kPatience);
  };
  QemuAbilities abilities;
  const Json version = TRY(ask("query-version"));
  abilities.version = TRY(version_in_reply(version, abilities.package));
  TRY(ask_devices(monitor, abilities));
  abilities.machines = machines_in_reply(TRY(ask("query-machines")));
  abilities.accelerators = accelerators_in_reply(
      TRY(ask("qom-list-types", Json::object({{"implements", "accel"}, {"abstract", false}}))));
  abilities.sandbox = has_command_line_option(TRY(ask("query-command-line-options")), "sandbox");
  const QemuSchema schema = schema_in_reply(TRY(ask("query-qmp-schema")));
  abilities.opengl = schema.opengl;
  abilities.spice = schema.spice;
  (void)ask("quit");
  return abilities;
}

Result<QemuAbilities> ask_over_qmp(const std::string& program,
                                   const std::optional<Credentials>& credentials) {
  // A pair of sockets that only these two processes have: nothing to find in any directory.
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error(errno, {N_("Could not make a pair of sockets")});
  }
  OwnedFd ours(ends[0]);
  OwnedFd theirs(ends[1]);
  ProcessSpec spec =
      spec_for({program, "-machine", "none", "-nodefaults", "-no-user-config", "-S", "-display",
                "none", "-chardev", format("socket,id=monitor,fd={}", kMonitorNumber), "-mon",
                "chardev=monitor,mode=control"},
               credentials);
  spec.descriptors = {{kMonitorNumber, theirs.get()}};
  const Child child = TRY(Child::start(spec));
  theirs.reset();
  QmpClient monitor = TRY(QmpClient::negotiate(std::move(ours), kPatience));
  return ask_monitor(monitor);
}

}  // namespace

Result<QemuAbilities> ask_qemu(const std::string& program,
                               const std::optional<Credentials>& credentials) {
  QemuAbilities abilities = TRY(ask_over_qmp(program, credentials));
  // Which displays and sound drivers can be loaded, not only which it was built for.
  abilities.displays =
      words_in_help(TRY(help_of(program, {"-no-user-config", "-display", "help"}, credentials)));
  abilities.audio_drivers =
      words_in_help(TRY(help_of(program, {"-no-user-config", "-audiodev", "help"}, credentials)));
  return abilities;
}

}  // namespace cleave
