// Child processes: argv only, never a shell; every descriptor that is not named is closed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH if it has no slash
  std::vector<std::pair<std::string, std::string>> environment;  // in place of the caller's
  bool inherit_environment = true;
  // Number in the child ↔ descriptor here. 0, 1, 2 default to /dev/null, /dev/null, /dev/null.
  std::vector<std::pair<int, int>> descriptors;
  bool new_session = false;      // setsid: a Ctrl-C at the terminal does not reach it
  bool die_with_parent = false;  // it is sent SIGKILL when this process ends, however it ends
};

struct ProcessEnd {
  int exit_status = 0;  // valid if signal is 0
  int signal = 0;       // the signal that ended it, or 0
  bool core_dumped = false;
};

class Process {
 public:
  static Result<Process> start(const ProcessSpec& spec);
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();  // does not end it

  [[nodiscard]] pid_t id() const { return id_; }
  // Readable (poll) once the process has ended.
  [[nodiscard]] int descriptor() const { return pidfd_.get(); }
  // Empty if it still runs after `limit`.
  Result<std::optional<ProcessEnd>> wait(std::chrono::milliseconds limit);
  Result<void> send_signal(int signal);

 private:
  Process(pid_t id, OwnedFd pidfd);
  pid_t id_ = 0;
  OwnedFd pidfd_;
};

// Identity of a process that may be gone and its number reused: boot id, pid and start time.
struct ProcessIdentity {
  std::uint32_t process_id = 0;
  std::uint64_t start_time = 0;  // clock ticks after boot, field 22 of /proc/PID/stat
  bool operator==(const ProcessIdentity&) const = default;
};
std::optional<ProcessIdentity> identify_process(std::uint32_t process_id);

}  // namespace cleave
