// Child processes: argv only, never a shell; every descriptor that is not named is closed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

// Whom a child runs as. It also loses every capability and can gain none again (no_new_privs).
struct Credentials {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> supplementary_groups{};
};

// A process is known by its number and its start: the number alone is reused. Only valid within
// one boot, so it is kept below /run only.
struct ProcessIdentity {
  std::uint32_t process_id = 0;
  std::uint64_t start_time = 0;  // clock ticks after boot, field 22 of /proc/PID/stat
  bool operator==(const ProcessIdentity&) const = default;
};

struct ProcessSpec {
  std::vector<std::string> argv{};  // argv[0] is looked up in PATH if it has no slash
  std::vector<std::pair<std::string, std::string>> environment{};  // in place of the caller's
  bool inherit_environment = true;
  // Number in the child ↔ descriptor here. 0, 1, 2 default to /dev/null, /dev/null, /dev/null.
  std::vector<std::pair<int, int>> descriptors{};
  bool new_session = false;  // setsid: a Ctrl-C at the terminal does not reach it
  // It is sent SIGKILL when the thread that starts it ends, however it ends.
  bool die_with_parent = false;
  std::optional<Credentials> credentials{};    // empty: as this process
  std::optional<std::uint64_t> memory_lock{};  // bytes it may lock, soft and hard (RLIMIT_MEMLOCK)
  std::string working_directory{};             // empty: this process's own
  // Called once the child exists and before it becomes the program: the place to write down what
  // is being started. If it fails, or this process dies meanwhile, the program never runs.
  std::function<Result<void>(const ProcessIdentity&)> record{};
};

struct ProcessEnd {
  int exit_status = 0;  // valid if signal is 0
  int signal = 0;       // the signal that ended it, or 0
  bool core_dumped = false;
};

class Process {
 public:
  // The error is that of the step that failed in the child (ENOENT where there is no such program,
  // EACCES where it may not be run, EPERM where the user may not be changed).
  static Result<Process> start(const ProcessSpec& spec);
  Process(Process&&) noexcept = default;
  Process& operator=(Process&&) noexcept = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() = default;  // does not end it

  [[nodiscard]] pid_t id() const { return id_; }
  // Readable (poll) once the process has ended.
  [[nodiscard]] int descriptor() const { return pidfd_.get(); }
  // Empty if it still runs after `limit`. May be asked again after the end.
  Result<std::optional<ProcessEnd>> wait(std::chrono::milliseconds limit);
  Result<void> send_signal(int signal);

 private:
  Process(pid_t id, OwnedFd pidfd) : id_(id), pidfd_(std::move(pidfd)) {}

  pid_t id_ = 0;
  OwnedFd pidfd_;
  std::optional<ProcessEnd> end_;
};

// Empty if there is no such process (a zombie has ended and is none).
std::optional<ProcessIdentity> identify_process(std::uint32_t process_id);

// A descriptor of exactly that process, which need not be a child; NotFound if it has ended.
Result<OwnedFd> open_process(const ProcessIdentity& identity);
Result<void> send_signal_to(const OwnedFd& process, int signal);
// True once the process has ended, false if it still runs after `limit`.
Result<bool> wait_for_end(const OwnedFd& process, std::chrono::milliseconds limit);

// Makes this very process `credentials`, for good. 0 or errno. Async-signal-safe.
int become(const Credentials& credentials);

// While it lives, a root process looks and acts as another user (effective user and groups), so
// that what is found in that user's directories can lead it to nothing that user could not do.
// Does nothing in a process that is not root.
class ActingAs {
 public:
  ActingAs() = default;  // as before
  static Result<ActingAs> begin(const Credentials& credentials);
  ActingAs(ActingAs&& other) noexcept : before_(std::exchange(other.before_, std::nullopt)) {}
  ActingAs& operator=(ActingAs&&) = delete;
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  ~ActingAs();  // ends the process if root cannot be had back

 private:
  std::optional<Credentials> before_;
};

}  // namespace cleave
