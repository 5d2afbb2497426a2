// The starter's side of a supervisor.
#include "run/supervisor.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace cleave {
namespace {

// Answers other than that to a launch need a few system calls.
constexpr auto kPatience = std::chrono::seconds(30);

Error supervisor_gone() {
  return error_of(ErrorCode::Interrupted, {N_("The VM's supervisor was killed")},
                  {N_("Try again: what it left is cleared away by the next command.")});
}

// The number in the new process of the channel to the starter: the first after the standard three.
constexpr int kChannelNumber = 3;

// Leaves everything of the starter behind: its descriptors, terminal, directory and signals.
int detach(JsonChannel& starter) {
  OwnedFd null_device(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null_device.is_open()) return errno;
  // Out of the way first: it may have any number, 0 to 3 included.
  OwnedFd copy(::fcntl(starter.descriptor(), F_DUPFD_CLOEXEC, kChannelNumber + 1));
  if (!copy.is_open()) return errno;
  starter.close();
  for (int number = 0; number < kChannelNumber; ++number) {
    if (::dup2(null_device.get(), number) < 0) return errno;
  }
  // Without closing it: it may be one of the three, and what is above them is closed below.
  (void)null_device.release();
  if (::dup3(copy.get(), kChannelNumber, O_CLOEXEC) < 0) return errno;
  (void)copy.release();
  starter.replace_descriptor(OwnedFd(kChannelNumber));
  if (::close_range(kChannelNumber + 1, ~0U, 0) != 0) return errno;
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &by_default, nullptr);
  ::prctl(PR_SET_NAME, "cleave-vm");
  ::umask(0077);
  return ::chdir("/") == 0 ? 0 : errno;
}

Result<void> become_supervisor(const SupervisorSpec& spec, JsonChannel& starter) {
  if (const int error_number = detach(starter)) {
    return system_error(error_number, Message(N_("Could not start the VM's supervisor")));
  }
  if (spec.memory_lock) {
    // Before root is given up: only root may raise the limit. QEMU inherits it.
    const rlimit limit{.rlim_cur = *spec.memory_lock, .rlim_max = *spec.memory_lock};
    if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
      return system_error(errno, Message(N_("Could not let QEMU lock {bytes} bytes of memory"),
                                         {{"bytes", *spec.memory_lock}}));
    }
  }
  if (!spec.credentials) return {};
  if (const int error_number = become(*spec.credentials)) {
    return system_error(error_number, Message(N_("Could not become user number {user}"),
                                              {{"user", spec.credentials->user}}));
  }
  return {};
}

// Never returns: what the starter's process has at its end (atexit, static objects) is not ours.
[[noreturn]] void run_supervisor(const SupervisorSpec& spec, JsonChannel starter) {
  const Result<void> ready = become_supervisor(spec, starter);
  if (!ready) {
    (void)starter.send(Json::object({{"error", to_json(ready.error())}}));
    ::_exit(1);
  }
  ::_exit(supervise(spec, std::move(starter)));
}

// Twice, so that the supervisor is nobody's child: a starter that lives on has no zombie.
Result<void> fork_supervisor(const SupervisorSpec& spec, JsonChannel theirs) {
  const pid_t between = ::fork();
  if (between < 0) return system_error(errno, Message(N_("Could not start the VM's supervisor")));
  if (between == 0) {
    if (::setsid() < 0) ::_exit(1);
    const pid_t supervisor = ::fork();
    if (supervisor == 0) run_supervisor(spec, std::move(theirs));
    ::_exit(supervisor < 0 ? 1 : 0);
  }
  while (::waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
  return {};
}

ProcessIdentity identity_from(const Json& json, std::string_view key) {
  ProcessIdentity identity;
  const Json* member = json.find(key);
  if (member == nullptr) return identity;
  if (const Json* process = member->find("process")) {
    identity.process_id = static_cast<std::uint32_t>(process->as_unsigned().value_or(0));
  }
  if (const Json* start = member->find("start_time")) {
    identity.start_time = start->as_unsigned().value_or(0);
  }
  return identity;
}

std::vector<Message> messages_from(const Json& json, std::string_view key) {
  std::vector<Message> messages;
  const Json* all = json.find(key);
  if (all == nullptr || all->as_array() == nullptr) return messages;
  for (const Json& each : *all->as_array()) messages.push_back(message_from_json(each));
  return messages;
}

}  // namespace

Result<Supervisor> Supervisor::start(const SupervisorSpec& spec) {
  auto [ours, theirs] = TRY(JsonChannel::make());
  TRY(fork_supervisor(spec, std::move(theirs)));
  Supervisor supervisor(std::move(ours));
  const Json ready = TRY(supervisor.answer());
  supervisor.identity_ = identity_from(ready, "supervisor");
  supervisor.cleaned_ = messages_from(ready, "cleaned");
  return supervisor;
}

Result<void> Supervisor::announce(const VgpuRecord& vgpu) {
  TRY(ask(Json::object({{"vgpu", Json::object({{"uuid", vgpu.uuid},
                                               {"path", vgpu.sysfs_path},
                                               {"created", vgpu.created}})}})));
  return {};
}

Result<void> Supervisor::keep(const std::vector<std::string>& devices) {
  Json names = Json::array();
  for (const std::string& device : devices) names.push_back(device);
  TRY(ask(Json::object({{"devices", std::move(names)}})));
  return {};
}

Result<void> Supervisor::keep_reservations(const std::vector<OwnedFd>& reservations) {
  std::vector<int> descriptors;
  for (const OwnedFd& reservation : reservations) descriptors.push_back(reservation.get());
  TRY(channel_.send(Json::object({{"reservations", descriptors.size()}}), descriptors));
  TRY(answer());
  return {};
}

Result<void> Supervisor::give(const std::vector<GivenFile>& files) {
  std::vector<int> descriptors;
  Json numbers = Json::array();
  for (const GivenFile& each : files) {
    descriptors.push_back(each.file.get());
    numbers.push_back(each.number);
  }
  TRY(channel_.send(Json::object({{"given", std::move(numbers)}}), descriptors));
  TRY(answer());
  return {};
}

Result<LaunchedVm> Supervisor::launch(const LaunchSpec& spec) {
  TRY(channel_.send(Json::object({{"launch", to_json(spec)}})));
  // The supervisor keeps the limit; here only its own death is waited for.
  const std::optional<Json> answer = TRY(channel_.receive(spec.limit + kPatience));
  if (!answer) return supervisor_gone();
  if (const Json* error = answer->find("error")) return error_from_json(*error);
  return LaunchedVm{.qemu = identity_from(*answer, "qemu"),
                    .supervisor = identity_,
                    .failures = messages_from(*answer, "failures")};
}

Result<std::optional<VmEnd>> Supervisor::wait(std::chrono::milliseconds limit) {
  const Result<std::optional<Json>> told = channel_.receive(limit);
  if (!told) return supervisor_gone();
  if (!told->has_value()) return std::optional<VmEnd>();
  const Json* end = (*told)->find("end");
  if (end == nullptr) return supervisor_gone();
  return std::optional<VmEnd>(TRY(end_from_json(*end)));
}

Result<Json> Supervisor::ask(const Json& request) {
  TRY(channel_.send(request));
  return answer();
}

Result<Json> Supervisor::answer() {
  const Result<std::optional<Json>> told = channel_.receive(kPatience);
  if (!told || !told->has_value()) return supervisor_gone();
  if (const Json* error = (*told)->find("error")) return error_from_json(*error);
  return **told;
}

}  // namespace cleave
