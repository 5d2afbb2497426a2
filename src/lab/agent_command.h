// A command that the agent runs: with pipes, or on a terminal of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "lab/agent_protocol.h"

namespace cleave {

struct AgentCommand {
  pid_t process = 0;
  std::uint64_t id = 0;
  OwnedFd output;        // of a terminal: both ways
  OwnedFd error_output;  // not open with a terminal
  bool terminal = false;
};

// The error's errno is that of the step that failed in the child (execve's ENOENT, …).
Result<AgentCommand> start_agent_command(const AgentRequest& request);
void resize_terminal(const AgentCommand& command, std::uint16_t rows, std::uint16_t columns);

}  // namespace cleave
