#include "host/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/fd.h"
#include "base/format.h"

namespace cleave {
namespace {

// Reads what the child prints until it closes its end or time is up. False if time was up.
bool collect_output(int pipe, std::chrono::steady_clock::time_point end, std::string& output) {
  constexpr size_t kMaximumOutput = size_t{4} << 20U;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{.fd = pipe, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
    const ssize_t count = ::read(pipe, buffer.data(), buffer.size());
    if (count <= 0) return true;
    if (output.size() < kMaximumOutput) output.append(buffer.data(), static_cast<size_t>(count));
  }
}

// Where programs are looked for, whatever the caller's PATH says: what runs as root is not chosen
// by somebody's environment.
constexpr std::array kProgramDirectories = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                            "/usr/bin",        "/sbin",          "/bin"};
constexpr const char* kPathVariable =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The name itself if it is a path or is nowhere: starting it then gives the right errno.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  for (const char* directory : kProgramDirectories) {
    std::string path = format("{}/{}", directory, name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return name;
}

}  // namespace

Error could_not_run(const std::vector<std::string>& argv, int error_number) {
  return system_error(error_number,
                      Message(N_("Could not run {program}"),
                              {{"program", argv.empty() ? std::string_view() : argv.front()}}));
}

Result<CommandOutput> run_on_this_machine(const std::vector<std::string>& argv,
                                          std::chrono::milliseconds limit) {
  if (argv.empty()) return could_not_run(argv, EINVAL);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return could_not_run(argv, errno);
  OwnedFd read_end(ends[0]);
  OwnedFd write_end(ends[1]);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), 2);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const std::string program = find_program(argv.front());
  std::string path_variable = kPathVariable;
  std::string language_variable = "LC_ALL=C";
  std::array<char*, 3> environment{path_variable.data(), language_variable.data(), nullptr};
  pid_t child = 0;
  const int spawned = ::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(),
                                    environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) return could_not_run(argv, spawned);
  write_end.reset();

  CommandOutput result;
  const bool ended =
      collect_output(read_end.get(), std::chrono::steady_clock::now() + limit, result.output);
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return could_not_run(argv, ETIMEDOUT);
  result.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace cleave
