#include "lab/agent_command.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

struct Pipe {
  OwnedFd reading;
  OwnedFd writing;
};

Error start_problem(int error_number) {
  return system_error(error_number, Message(N_("Could not start the command")));
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return start_problem(errno);
  return Pipe{.reading = OwnedFd(ends[0]), .writing = OwnedFd(ends[1])};
}

// The agent has one thread, so the child may allocate; it never returns.
struct ChildSetup {
  const AgentRequest& request;
  int input = -1;
  int output = -1;
  int error_output = -1;
  int failures = -1;
};

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

int become_command(const ChildSetup& setup) {
  reset_signals();
  // A session of its own: the whole of it can be ended, and a terminal can belong to it.
  if (::setsid() < 0) return errno;
  for (const auto& [from, to] :
       {std::pair(setup.input, STDIN_FILENO), std::pair(setup.output, STDOUT_FILENO),
        std::pair(setup.error_output, STDERR_FILENO)}) {
    if (::dup2(from, to) < 0) return errno;
  }
  if (setup.request.terminal && ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) return errno;
  if (::chdir(setup.request.working_directory.c_str()) != 0) return errno;
  for (const auto& [name, value] : setup.request.environment) {
    ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  std::vector<std::string> words = setup.request.argv;
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv.front(), argv.data());
  return errno;
}

[[noreturn]] void run_child(const ChildSetup& setup) {
  const int error_number = become_command(setup);
  const ssize_t written = ::write(setup.failures, &error_number, sizeof(error_number));
  ::_exit(written == static_cast<ssize_t>(sizeof(error_number)) ? 127 : 126);
}

// 0 if the child became the program.
int read_failure(int channel) {
  int error_number = 0;
  ssize_t count = 0;
  do {
    count = ::read(channel, &error_number, sizeof(error_number));
  } while (count < 0 && errno == EINTR);
  return count == static_cast<ssize_t>(sizeof(error_number)) ? error_number : 0;
}

Result<pid_t> fork_command(ChildSetup setup) {
  Pipe failures = TRY(make_pipe());
  setup.failures = failures.writing.get();
  const pid_t child = ::fork();
  if (child == 0) run_child(setup);
  if (child < 0) return start_problem(errno);
  failures.writing.reset();
  const int error_number = read_failure(failures.reading.get());
  if (error_number == 0) return child;
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return start_problem(error_number);
}

Result<void> make_nonblocking(const OwnedFd& descriptor) {
  const int flags = ::fcntl(descriptor.get(), F_GETFL);
  if (flags < 0 || ::fcntl(descriptor.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return start_problem(errno);
  }
  return {};
}

Result<AgentCommand> start_on_terminal(const AgentRequest& request) {
  int main_end = -1;
  int command_end = -1;
  const winsize size{
      .ws_row = request.rows, .ws_col = request.columns, .ws_xpixel = 0, .ws_ypixel = 0};
  if (::openpty(&main_end, &command_end, nullptr, nullptr, &size) != 0) {
    return start_problem(errno);
  }
  AgentCommand command;
  command.output = OwnedFd(main_end);
  const OwnedFd inside(command_end);
  for (const int end : {main_end, command_end}) {
    if (::fcntl(end, F_SETFD, FD_CLOEXEC) != 0) return start_problem(errno);
  }
  TRY(make_nonblocking(command.output));
  command.terminal = true;
  command.id = request.id;
  command.process = TRY(fork_command({.request = request,
                                      .input = inside.get(),
                                      .output = inside.get(),
                                      .error_output = inside.get()}));
  return command;
}

Result<AgentCommand> start_with_pipes(const AgentRequest& request) {
  const OwnedFd null_device(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null_device.is_open()) return start_problem(errno);
  Pipe output = TRY(make_pipe());
  Pipe error_output = TRY(make_pipe());
  TRY(make_nonblocking(output.reading));
  TRY(make_nonblocking(error_output.reading));
  AgentCommand command;
  command.id = request.id;
  command.process = TRY(fork_command({.request = request,
                                      .input = null_device.get(),
                                      .output = output.writing.get(),
                                      .error_output = error_output.writing.get()}));
  command.output = std::move(output.reading);
  command.error_output = std::move(error_output.reading);
  return command;
}

}  // namespace

Result<AgentCommand> start_agent_command(const AgentRequest& request) {
  return request.terminal ? start_on_terminal(request) : start_with_pipes(request);
}

void resize_terminal(const AgentCommand& command, std::uint16_t rows, std::uint16_t columns) {
  if (!command.terminal || !command.output.is_open()) return;
  const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  ::ioctl(command.output.get(), TIOCSWINSZ, &size);
}

}  // namespace cleave
