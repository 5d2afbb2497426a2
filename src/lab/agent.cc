#include "lab/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/format.h"
#include "base/text.h"
#include "lab/agent_command.h"
#include "lab/agent_protocol.h"
#include "lab/cache.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// Above this much unsent output the command's pipes are left full, which stops the command.
constexpr std::size_t kUnsentLimit = std::size_t{1} << 20U;
// A command may leave a program behind that holds its pipes: after its end, output is waited for
// only this long.
constexpr std::chrono::milliseconds kLastOutput{200};
constexpr int kCallerPollMilliseconds = 100;
constexpr const char* kPorts = "/sys/class/virtio-ports";
constexpr std::string_view kPortName = "cleave.agent";  // qemu_arguments.cc

class Agent {
 public:
  Agent(OwnedFd port, const AgentSetup& setup, OwnedFd children)
      : port_(std::move(port)), setup_(setup), children_(std::move(children)) {}

  Result<void> serve();

 private:
  struct Running {
    AgentCommand command;
    std::optional<int> status;  // waitpid's, once it has ended
    Clock::time_point ended;
  };

  void send(const AgentReply& reply) { unsent_ += to_line(reply); }
  Result<void> flush();
  Result<bool> receive();
  void handle(const std::string& line);
  void begin(const AgentRequest& request);
  void fetch(const AgentRequest& request);
  void forward(OwnedFd& from, AgentReply::Kind kind);
  void send_input();
  void reap();
  void finish_if_done();
  void drop_command();
  void forget_caller();
  Result<bool> wait_for_caller();
  void continue_file();

  OwnedFd port_;
  const AgentSetup& setup_;
  OwnedFd children_;  // signalfd of SIGCHLD
  AgentLines lines_;
  std::string unsent_;
  std::optional<Running> running_;
  std::string input_;  // not yet taken by the command's terminal
  OwnedFd file_;       // being fetched
  std::uint64_t file_id_ = 0;
  std::uint64_t file_sent_ = 0;
  bool power_off_ = false;
};

Error port_problem(int error_number) {
  return system_error(error_number, Message(N_("The laptop's agent lost its port")));
}

int exit_status_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Result<void> Agent::flush() {
  while (!unsent_.empty()) {
    const ssize_t count = ::write(port_.get(), unsent_.data(), unsent_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return {};
    if (count < 0) return port_problem(errno);
    unsent_.erase(0, static_cast<std::size_t>(count));
  }
  return {};
}

// False at the end of file.
Result<bool> Agent::receive() {
  std::array<char, 65536> buffer{};
  const ssize_t count = ::read(port_.get(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (count < 0) return port_problem(errno);
  if (count == 0) return false;
  lines_.push({buffer.data(), static_cast<std::size_t>(count)});
  while (true) {
    const Result<std::optional<std::string>> line = lines_.next();
    // What cannot be understood is passed over: the caller waits for an answer in vain and ends
    // the laptop at its limit.
    if (!line) continue;
    if (!line->has_value()) return true;
    handle(**line);
  }
}

void Agent::handle(const std::string& line) {
  const Result<AgentRequest> request = parse_agent_request(line);
  if (!request) return;
  switch (request->kind) {
    case AgentRequest::Kind::Hello:
      forget_caller();
      send({.kind = AgentReply::Kind::Hello,
            .session = request->session,
            .failed_modules = setup_.failed_modules,
            .data = {}});
      break;
    case AgentRequest::Kind::Run:
      begin(*request);
      break;
    case AgentRequest::Kind::Input:
      if (running_ && input_.size() < kUnsentLimit) input_ += request->data;
      break;
    case AgentRequest::Kind::Resize:
      if (running_) resize_terminal(running_->command, request->rows, request->columns);
      break;
    case AgentRequest::Kind::Fetch:
      fetch(*request);
      break;
    case AgentRequest::Kind::PowerOff:
      power_off_ = true;
      break;
  }
}

void Agent::begin(const AgentRequest& request) {
  drop_command();
  Result<AgentCommand> command = start_agent_command(request);
  if (!command) {
    send({.kind = AgentReply::Kind::Failed,
          .session = {},
          .failed_modules = {},
          .id = request.id,
          .data = {},
          .error_number = command.error().error_number});
    return;
  }
  running_ = Running{.command = std::move(*command), .status = {}, .ended = {}};
}

void Agent::fetch(const AgentRequest& request) {
  // Without waiting: opening a FIFO would wait for its other end.
  OwnedFd file(::open(request.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  int problem = file.is_open() ? 0 : errno;
  struct stat found{};
  if (problem == 0 && ::fstat(file.get(), &found) != 0) problem = errno;
  if (problem == 0 && S_ISDIR(found.st_mode)) problem = EISDIR;
  if (problem == 0 && !S_ISREG(found.st_mode)) problem = EINVAL;
  if (problem == 0 && static_cast<std::uint64_t>(found.st_size) > kAgentFileLimit) problem = EFBIG;
  if (problem != 0) {
    send({.kind = AgentReply::Kind::Failed,
          .session = {},
          .failed_modules = {},
          .id = request.id,
          .data = {},
          .error_number = problem});
    return;
  }
  file_ = std::move(file);
  file_id_ = request.id;
  file_sent_ = 0;
}

void Agent::continue_file() {
  std::string piece(kAgentPieceLimit, '\0');
  const ssize_t count = ::read(file_.get(), piece.data(), piece.size());
  if (count < 0 && errno == EINTR) return;
  AgentReply reply;
  reply.id = file_id_;
  file_sent_ += static_cast<std::uint64_t>(std::max<ssize_t>(count, 0));
  if (count < 0 || file_sent_ > kAgentFileLimit) {
    reply.kind = AgentReply::Kind::Failed;
    reply.error_number = count < 0 ? errno : EFBIG;
  } else if (count == 0) {
    reply.kind = AgentReply::Kind::FileEnd;
  } else {
    piece.resize(static_cast<std::size_t>(count));
    reply.kind = AgentReply::Kind::File;
    reply.data = std::move(piece);
  }
  if (reply.kind != AgentReply::Kind::File) file_.reset();
  send(reply);
}

void Agent::forward(OwnedFd& from, AgentReply::Kind kind) {
  std::string piece(kAgentPieceLimit, '\0');
  const ssize_t count = ::read(from.get(), piece.data(), piece.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count <= 0) {  // EIO: nobody has the terminal open any more
    from.reset();
    return;
  }
  piece.resize(static_cast<std::size_t>(count));
  AgentReply reply;
  reply.kind = kind;
  reply.id = running_->command.id;
  reply.data = std::move(piece);
  send(reply);
}

void Agent::send_input() {
  const ssize_t count = ::write(running_->command.output.get(), input_.data(), input_.size());
  if (count > 0) input_.erase(0, static_cast<std::size_t>(count));
  if (count < 0 && errno != EAGAIN && errno != EINTR) input_.clear();
}

void Agent::reap() {
  std::array<signalfd_siginfo, 8> signals{};
  while (::read(children_.get(), signals.data(), sizeof(signals)) > 0) {
  }
  while (true) {
    int status = 0;
    const pid_t which = setup_.is_init ? -1 : (running_ ? running_->command.process : 0);
    const pid_t child = which != 0 ? ::waitpid(which, &status, WNOHANG) : 0;
    if (child <= 0) return;
    if (!running_ || child != running_->command.process || running_->status) continue;
    running_->status = status;
    running_->ended = Clock::now();
    if (!setup_.is_init) return;
  }
}

void Agent::finish_if_done() {
  if (!running_ || !running_->status) return;
  const bool drained =
      !running_->command.output.is_open() && !running_->command.error_output.is_open();
  if (!drained && Clock::now() < running_->ended + kLastOutput) return;
  AgentReply reply;
  reply.kind = AgentReply::Kind::Ended;
  reply.id = running_->command.id;
  reply.exit_status = exit_status_of(*running_->status);
  send(reply);
  running_.reset();
  input_.clear();
}

void Agent::drop_command() {
  if (!running_) return;
  if (!running_->status) {
    ::kill(-running_->command.process, SIGKILL);
    while (::waitpid(running_->command.process, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  running_.reset();
  input_.clear();
}

void Agent::forget_caller() {
  drop_command();
  file_.reset();
  unsent_.clear();
}

// A virtio port tells by POLLHUP that nobody is connected (drivers/char/virtio_console.c).
Result<bool> Agent::wait_for_caller() {
  forget_caller();
  lines_.clear();
  if (!setup_.waits_for_next_caller) return false;
  while (true) {
    pollfd port{.fd = port_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&port, 1, kCallerPollMilliseconds) < 0 && errno != EINTR) return port_problem(errno);
    if ((port.revents & POLLHUP) == 0) return true;
    reap();
    std::this_thread::sleep_for(std::chrono::milliseconds(kCallerPollMilliseconds));
  }
}

Result<void> Agent::serve() {
  while (!power_off_) {
    TRY(flush());
    const bool room = unsent_.size() < kUnsentLimit;
    enum Slot : std::size_t { kPort, kChildren, kOutput, kErrors, kSlots };
    std::array<pollfd, kSlots> waiting{};
    waiting.fill({.fd = -1, .events = POLLIN, .revents = 0});
    waiting[kPort].fd = port_.get();
    if (!unsent_.empty()) waiting[kPort].events |= POLLOUT;
    waiting[kChildren].fd = children_.get();
    if (running_ && room) {
      waiting[kOutput].fd = running_->command.output.get();
      waiting[kErrors].fd = running_->command.error_output.get();
      if (!input_.empty()) waiting[kOutput].events |= POLLOUT;
    }
    int limit = -1;
    if (running_ && running_->status) limit = static_cast<int>(kLastOutput.count()) / 4;
    if (file_.is_open() && room) limit = 0;
    const int count = ::poll(waiting.data(), waiting.size(), limit);
    if (count < 0 && errno != EINTR) return port_problem(errno);
    if (count < 0) continue;
    if ((waiting[kPort].revents & POLLHUP) != 0 && (waiting[kPort].revents & POLLIN) == 0) {
      if (!TRY(wait_for_caller())) return {};
      continue;
    }
    if (file_.is_open() && room) continue_file();
    if (waiting[kOutput].fd >= 0 && (waiting[kOutput].revents & POLLOUT) != 0) send_input();
    if ((waiting[kOutput].revents & ~POLLOUT) != 0) {
      forward(running_->command.output, AgentReply::Kind::Output);
    }
    if (waiting[kErrors].revents != 0) {
      forward(running_->command.error_output, AgentReply::Kind::ErrorOutput);
    }
    reap();
    finish_if_done();
    // Last: a request may end the command whose descriptors were just looked at.
    if ((waiting[kPort].revents & POLLIN) != 0 && !TRY(receive()) && !TRY(wait_for_caller())) {
      return {};
    }
  }
  return {};
}

// SIGCHLD as something to poll for; blocked, so that none is lost.
Result<OwnedFd> watch_children() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &child, nullptr);
  OwnedFd descriptor(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor.is_open()) return port_problem(errno);
  return descriptor;
}

// There is no udev in the laptop, so no /dev/virtio-ports: names stand in sysfs.
std::optional<std::string> find_port() {
  std::error_code problem;
  for (std::filesystem::directory_iterator entry(kPorts, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    const Result<std::string> name = read_whole_file((entry->path() / "name").string(), 256);
    if (name && trim(*name) == kPortName) return "/dev/" + entry->path().filename().string();
  }
  return std::nullopt;
}

}  // namespace

Result<void> serve_agent(OwnedFd port, const AgentSetup& setup) {
  const int flags = ::fcntl(port.get(), F_GETFL);
  if (flags < 0 || ::fcntl(port.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return port_problem(errno);
  }
  OwnedFd children = TRY(watch_children());
  Agent agent(std::move(port), setup, std::move(children));
  return agent.serve();
}

Result<void> run_laptop_agent() {
  if (::getpid() != 1) {
    return lab_error(ErrorCode::Unsupported,
                     Message(N_("“lab-agent” is started by the virtual laptop itself")));
  }
  AgentSetup setup;
  setup.is_init = true;
  setup.waits_for_next_caller = true;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  if (const char* failed = ::getenv("CLEAVE_LAB_FAILED_MODULES")) {
    for (const std::string_view name : words(failed)) setup.failed_modules.emplace_back(name);
  }
  ::unsetenv("CLEAVE_LAB_FAILED_MODULES");  // NOLINT(concurrency-mt-unsafe)
  constexpr int kTries = 100;
  std::optional<std::string> path;
  for (int i = 0; i < kTries && !path; ++i) {
    path = find_port();
    if (!path) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  if (!path) return port_problem(ENODEV);
  OwnedFd port(::open(path->c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!port.is_open()) return port_problem(errno);
  TRY(serve_agent(std::move(port), setup));
  ::sync();
  ::reboot(RB_POWER_OFF);
  return port_problem(errno);
}

}  // namespace cleave
