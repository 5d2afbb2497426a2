#include "run/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// Where programs are looked for if PATH is not set: as confstr(_CS_PATH), with /usr/local first.
constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

enum class Step : int { Descriptors, Session, Limit, User, Directory, ParentDeath, Program };

// What the child tells when a step fails.
struct ChildFailure {
  Step step = Step::Program;
  int error_number = 0;
};

// Everything the child needs, made before the fork: between fork and exec only async-signal-safe
// functions may be called, and none of them may allocate.
struct ChildPlan {
  std::vector<std::string> program_paths;  // tried in this order
  std::vector<std::string> argument_text;
  std::vector<std::string> environment_text;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<std::pair<int, int>> descriptors;  // child's number, ours; sorted by the child's
  std::vector<int> copies;                       // ours, moved out of the way of the child's
  int first_free = 3;                            // above every number the child shall have
  const ProcessSpec* spec = nullptr;
  pid_t parent = 0;
  int failures = -1;  // closes with the exec
  int gate = -1;      // a byte comes when the program may start; end of file means never
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> program_paths(const std::string& program) {
  if (program.find('/') != std::string::npos) return {program};
  const char* path = ::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody calls setenv
  std::vector<std::string> candidates;
  for (const std::string_view directory : split(path != nullptr ? path : kDefaultPath, ':')) {
    // An empty entry means the working directory, from where nothing shall be started by chance.
    if (!directory.empty()) candidates.push_back(format("{}/{}", directory, program));
  }
  return candidates;
}

std::vector<std::string> environment_of(const ProcessSpec& spec) {
  std::map<std::string, std::string> variables;
  if (spec.inherit_environment) {
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
      const std::string_view text = *entry;
      const size_t equals = text.find('=');
      if (equals == std::string_view::npos) continue;
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  for (const auto& [name, value] : spec.environment) variables[name] = value;
  std::vector<std::string> texts;
  texts.reserve(variables.size());
  for (const auto& [name, value] : variables) texts.push_back(format("{}={}", name, value));
  return texts;
}

ChildPlan make_child_plan(const ProcessSpec& spec, int null_device) {
  ChildPlan plan;
  plan.spec = &spec;
  plan.parent = ::getpid();
  plan.program_paths = program_paths(spec.argv.front());
  plan.argument_text = spec.argv;
  plan.environment_text = environment_of(spec);
  plan.argv = pointers_to(plan.argument_text);
  plan.environment = pointers_to(plan.environment_text);
  std::map<int, int> descriptors = {{0, null_device}, {1, null_device}, {2, null_device}};
  for (const auto& [number, ours] : spec.descriptors) descriptors[number] = ours;
  plan.descriptors.assign(descriptors.begin(), descriptors.end());
  plan.copies.resize(plan.descriptors.size(), -1);
  plan.first_free = plan.descriptors.back().first + 1;
  return plan;
}

// --- In the child ---------------------------------------------------------------------------

[[noreturn]] void fail_in_child(const ChildPlan& plan, Step step, int error_number) {
  const ChildFailure failure{.step = step, .error_number = error_number};
  const ssize_t written = ::write(plan.failures, &failure, sizeof(failure));
  ::_exit(written == static_cast<ssize_t>(sizeof(failure)) ? 127 : 126);
}

// Gives the child exactly the descriptors of the plan, plus the two channels above them.
int arrange_descriptors(ChildPlan& plan) {
  // First all out of the way, so that no dup2 overwrites one that is still needed.
  for (size_t i = 0; i < plan.copies.size(); ++i) {
    plan.copies[i] = ::fcntl(plan.descriptors[i].second, F_DUPFD_CLOEXEC, plan.first_free + 2);
    if (plan.copies[i] < 0) return errno;
  }
  const int failure_copy = ::fcntl(plan.failures, F_DUPFD_CLOEXEC, plan.first_free + 2);
  const int gate_copy = ::fcntl(plan.gate, F_DUPFD_CLOEXEC, plan.first_free + 2);
  if (failure_copy < 0 || gate_copy < 0) return errno;
  for (size_t i = 0; i < plan.copies.size(); ++i) {
    if (::dup2(plan.copies[i], plan.descriptors[i].first) < 0) return errno;
  }
  if (::dup3(failure_copy, plan.first_free, O_CLOEXEC) < 0) return errno;
  if (::dup3(gate_copy, plan.first_free + 1, O_CLOEXEC) < 0) return errno;
  plan.failures = plan.first_free;
  plan.gate = plan.first_free + 1;
  int next = 0;
  for (const auto& [number, ours] : plan.descriptors) {
    if (number > next)
      ::close_range(static_cast<unsigned>(next), static_cast<unsigned>(number) - 1, 0);
    next = number + 1;
  }
  return ::close_range(static_cast<unsigned>(plan.first_free) + 2, ~0U, 0) == 0 ? 0 : errno;
}

void reset_signals() {
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  // An ignored signal would stay ignored in the program (signal(7)).
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &by_default, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

int set_memory_lock(std::uint64_t bytes) {
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  return ::setrlimit(RLIMIT_MEMLOCK, &limit) == 0 ? 0 : errno;
}

// As execvp(3): the first that can be run; "not allowed" is worth more than "not there".
int run_program(ChildPlan& plan) {
  int error_number = ENOENT;
  for (std::string& path : plan.program_paths) {
    ::execve(path.c_str(), plan.argv.data(), plan.environment.data());
    if (errno != EACCES && errno != ENOENT && errno != ENOTDIR) return errno;
    // A directory of PATH that we may not search does not hold the program for us.
    if (errno == EACCES && ::access(path.c_str(), F_OK) == 0) error_number = EACCES;
  }
  return error_number;
}

// Whoever acts as another for a while (ActingAs) is still root by its real user, which a program
// could turn back to, and which a shell does at once.
int stay_who_we_act_as() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (user == ::getuid() && group == ::getgid()) return 0;
  if (::syscall(SYS_setresgid, group, group, group) != 0 ||
      ::syscall(SYS_setresuid, user, user, user) != 0) {
    return errno;
  }
  return 0;
}

[[noreturn]] void run_child(ChildPlan& plan) {
  const ProcessSpec& spec = *plan.spec;
  if (const int error_number = arrange_descriptors(plan)) {
    fail_in_child(plan, Step::Descriptors, error_number);
  }
  reset_signals();
  if (spec.new_session && ::setsid() < 0) fail_in_child(plan, Step::Session, errno);
  if (spec.memory_lock) {
    if (const int error_number = set_memory_lock(*spec.memory_lock)) {
      fail_in_child(plan, Step::Limit, error_number);
    }
  }
  if (spec.credentials) {
    if (const int error_number = become(*spec.credentials)) {
      fail_in_child(plan, Step::User, error_number);
    }
  } else if (const int error_number = stay_who_we_act_as()) {
    fail_in_child(plan, Step::User, error_number);
  }
  // As the new user, who may not be allowed into a directory that we are.
  if (!spec.working_directory.empty() && ::chdir(spec.working_directory.c_str()) != 0) {
    fail_in_child(plan, Step::Directory, errno);
  }
  // After the change of user, which clears it (prctl(2)); the parent may be gone already.
  if (spec.die_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail_in_child(plan, Step::ParentDeath, errno);
    if (::getppid() != plan.parent) ::_exit(127);
  }
  char go = 0;
  ssize_t count = 0;
  do {
    count = ::read(plan.gate, &go, 1);
  } while (count < 0 && errno == EINTR);
  if (count != 1) ::_exit(127);  // not recorded: never to be started
  fail_in_child(plan, Step::Program, run_program(plan));
}

// --- In the parent --------------------------------------------------------------------------

Error start_error(const ChildFailure& failure, const ProcessSpec& spec) {
  const std::string& program = spec.argv.front();
  switch (failure.step) {
    case Step::User:
      return system_error(
          failure.error_number,
          Message(N_("Could not start {program} as user number {user}"),
                  {{"program", program},
                   {"user", spec.credentials ? spec.credentials->user : ::geteuid()}}));
    case Step::Limit:
      return system_error(failure.error_number,
                          Message(N_("Could not let {program} lock {bytes} bytes of memory"),
                                  {{"program", program}, {"bytes", *spec.memory_lock}}));
    case Step::Directory:
      return system_error(failure.error_number,
                          Message(N_("Could not start {program} in {directory}"),
                                  {{"program", program}, {"directory", spec.working_directory}}),
                          spec.working_directory);
    default:
      return system_error(failure.error_number,
                          Message(N_("Could not start {program}"), {{"program", program}}));
  }
}

struct Channel {
  OwnedFd child_end;
  OwnedFd our_end;
};

// A socket pair and no pipe, since writing to a socket can be told not to raise SIGPIPE.
Result<Channel> make_channel(const std::string& program) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error(errno, Message(N_("Could not start {program}"), {{"program", program}}));
  }
  return Channel{.child_end = OwnedFd(ends[0]), .our_end = OwnedFd(ends[1])};
}

// All signals wait while the child is made, so that no handler of ours runs in it.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// What the child reports; empty if it became the program (its end closed with the exec).
std::optional<ChildFailure> read_failure(int channel) {
  ChildFailure failure;
  ssize_t count = 0;
  do {
    count = ::read(channel, &failure, sizeof(failure));
  } while (count < 0 && errno == EINTR);
  if (count != static_cast<ssize_t>(sizeof(failure))) return std::nullopt;
  return failure;
}

void reap(pid_t child) {
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<void> open_gate(const ProcessSpec& spec, pid_t child, const OwnedFd& gate) {
  if (spec.record) {
    const auto identity = identify_process(static_cast<std::uint32_t>(child));
    // No identity: the child failed already, and its failure is read next.
    if (identity) TRY(spec.record(*identity));
  }
  // A child that is gone already is no error here: why it went is read from the other pipe.
  const ssize_t sent = ::send(gate.get(), "g", 1, MSG_NOSIGNAL);
  (void)sent;
  return {};
}

int milliseconds_left(std::chrono::steady_clock::time_point end) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

}  // namespace

int become(const Credentials& credentials) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  if (::geteuid() == 0) {
    // EINVAL ends the list of capabilities that this kernel knows.
    for (unsigned long capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;) {
      ++capability;
    }
    // By system call: glibc's wrappers would take a lock for other threads that are not here.
    if (::syscall(SYS_setgroups, credentials.supplementary_groups.size(),
                  credentials.supplementary_groups.data()) != 0) {
      return errno;
    }
  }
  if (::syscall(SYS_setresgid, credentials.group, credentials.group, credentials.group) != 0 ||
      ::syscall(SYS_setresuid, credentials.user, credentials.user, credentials.user) != 0) {
    return errno;
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  return ::syscall(SYS_capset, &header, none.data()) == 0 ? 0 : errno;
}

Result<Process> Process::start(const ProcessSpec& spec) {
  if (spec.argv.empty()) {
    return error_of(ErrorCode::Internal, {N_("No program was named")});
  }
  const std::string& program = spec.argv.front();
  const OwnedFd null_device(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null_device.is_open()) {
    return system_error(errno, Message(N_("Could not open {path}"), {{"path", "/dev/null"}}),
                        "/dev/null");
  }
  Channel failures = TRY(make_channel(program));
  Channel gate = TRY(make_channel(program));
  ChildPlan plan = make_child_plan(spec, null_device.get());
  plan.failures = failures.child_end.get();
  plan.gate = gate.child_end.get();

  pid_t child = 0;
  {
    const BlockedSignals blocked;
    child = ::fork();
    if (child == 0) run_child(plan);
  }
  if (child < 0) {
    return system_error(errno, Message(N_("Could not start {program}"), {{"program", program}}));
  }
  failures.child_end.reset();
  gate.child_end.reset();
  OwnedFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  Result<void> allowed;
  if (pidfd.is_open()) {
    allowed = open_gate(spec, child, gate.our_end);
  } else {
    allowed = system_error(errno, Message(N_("Could not start {program}"), {{"program", program}}));
  }
  gate.our_end.reset();  // a child that was not let through ends itself
  const std::optional<ChildFailure> failure = read_failure(failures.our_end.get());
  if (!allowed || failure) reap(child);
  if (!allowed) return std::move(allowed).error();
  if (failure) return start_error(*failure, spec);
  return Process(child, std::move(pidfd));
}

Result<std::optional<ProcessEnd>> Process::wait(std::chrono::milliseconds limit) {
  if (end_) return end_;
  if (!TRY(wait_for_end(pidfd_, limit))) return std::optional<ProcessEnd>();
  siginfo_t information{};
  int outcome = 0;
  do {
    outcome = ::waitid(P_PID, static_cast<id_t>(id_), &information, WEXITED);
  } while (outcome != 0 && errno == EINTR);
  if (outcome != 0) {
    return system_error(errno,
                        Message(N_("Could not wait for process {process}"), {{"process", id_}}));
  }
  ProcessEnd end;
  if (information.si_code == CLD_EXITED) {
    end.exit_status = information.si_status;
  } else {
    end.signal = information.si_status;
    end.core_dumped = information.si_code == CLD_DUMPED;
  }
  end_ = end;
  return end_;
}

Result<void> Process::send_signal(int signal) { return send_signal_to(pidfd_, signal); }

namespace {

// Empty if it has ended, which may come between the opening and the reading (ESRCH). The kernel
// makes the line at once, some 300 bytes, of which the name is 64 at most (fs/proc/array.c,
// do_task_stat).
std::string read_stat(std::uint32_t process_id) {
  const std::string path = format("/proc/{}/stat", process_id);
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> bytes{};
  ssize_t count = 0;
  do {
    count = ::read(file.get(), bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  return {bytes.data(), static_cast<size_t>(std::max<ssize_t>(count, 0))};
}

}  // namespace

std::optional<ProcessIdentity> identify_process(std::uint32_t process_id) {
  const std::string text = read_stat(process_id);
  // The second field is the name in parentheses and may hold blanks and parentheses itself.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const auto fields = words(trim(std::string_view(text).substr(name_end + 1)));
  // After the name comes field 3, the state; the start time is field 22 (proc(5)).
  constexpr size_t kState = 0;
  constexpr size_t kStartTime = 22 - 3;
  if (fields.size() <= kStartTime || fields[kState] == "Z" || fields[kState] == "X") {
    return std::nullopt;
  }
  const auto start_time = parse_unsigned<std::uint64_t>(fields[kStartTime]);
  if (!start_time) return std::nullopt;
  return ProcessIdentity{.process_id = process_id, .start_time = *start_time};
}

Result<OwnedFd> open_process(const ProcessIdentity& identity) {
  const Message gone(N_("Process {process} has ended"), {{"process", identity.process_id}});
  OwnedFd process(
      static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(identity.process_id), 0)));
  if (!process.is_open()) {
    if (errno == ESRCH || errno == EINVAL) return error_of(ErrorCode::NotFound, gone);
    return system_error(errno, Message(N_("Could not look at process {process}"),
                                       {{"process", identity.process_id}}));
  }
  // Looked up after the descriptor was taken: now the number cannot be reused unnoticed.
  if (identify_process(identity.process_id) != identity) {
    return error_of(ErrorCode::NotFound, gone);
  }
  return process;
}

Result<void> send_signal_to(const OwnedFd& process, int signal) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0) return {};
  return system_error(errno, Message(N_("Could not send signal {signal}"), {{"signal", signal}}));
}

Result<bool> wait_for_end(const OwnedFd& process, std::chrono::milliseconds limit) {
  // A year is for ever, and does not overflow the clock.
  const auto end = std::chrono::steady_clock::now() +
                   std::min<std::chrono::milliseconds>(limit, std::chrono::years(1));
  while (true) {
    pollfd waiting{.fd = process.get(), .events = POLLIN, .revents = 0};
    const int count = ::poll(&waiting, 1, milliseconds_left(end));
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) {
      return system_error(errno, Message(N_("Could not wait for a process")));
    }
    if (count == 0 && std::chrono::steady_clock::now() >= end) return false;
  }
}

Result<ActingAs> ActingAs::begin(const Credentials& credentials) {
  ActingAs acting;
  if (::geteuid() != 0) return acting;
  const Message failed(N_("Could not act as user number {user}"), {{"user", credentials.user}});
  Credentials before{.user = 0, .group = ::getegid()};
  const int count = ::getgroups(0, nullptr);
  if (count < 0) return system_error(errno, failed);
  before.supplementary_groups.resize(static_cast<size_t>(count));
  if (::getgroups(count, before.supplementary_groups.data()) != count) {
    return system_error(errno, failed);
  }
  acting.before_ = std::move(before);  // from here on the destructor puts it back
  const std::vector<gid_t>& groups = credentials.supplementary_groups;
  if (::setgroups(groups.size(), groups.data()) != 0 || ::setegid(credentials.group) != 0 ||
      ::seteuid(credentials.user) != 0) {
    return system_error(errno, failed);
  }
  return acting;
}

ActingAs::~ActingAs() {
  if (!before_) return;
  const std::vector<gid_t>& groups = before_->supplementary_groups;
  if (::seteuid(before_->user) != 0 || ::setegid(before_->group) != 0 ||
      ::setgroups(groups.size(), groups.data()) != 0) {
    std::abort();  // half of one user and half of another: no state to go on in
  }
}

}  // namespace cleave
