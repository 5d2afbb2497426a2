// This machine's end of the conversation with a laptop's agent.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "lab/agent_protocol.h"
#include "lab/laptop.h"

namespace cleave {

// What besides the agent can end the waiting; -1 where there is none.
struct AgentWatch {
  int laptop = -1;  // readable once QEMU has ended
  int cancel = -1;
};

class AgentClient {
 public:
  AgentClient(OwnedFd socket, AgentWatch watch) : socket_(std::move(socket)), watch_(watch) {}

  // Repeats the greeting until the agent answers. Errors of all calls: Io with ETIMEDOUT after
  // `limit`, Io with EPIPE if the laptop went, Interrupted if cancelled.
  Result<AgentReply> greet(std::chrono::milliseconds limit);
  // The exit status. NotFound, Denied, … if the agent could not start it.
  Result<int> run(const LaptopCommand& command);
  // Writes the file beside its place and puts it there in one step.
  Result<void> fetch(const FetchedFile& file, std::chrono::milliseconds limit);
  Result<void> request_power_off();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  Result<void> send(const AgentRequest& request, TimePoint end);
  // The next reply; empty when something else wants a look (terminal input, a signal).
  Result<std::optional<AgentReply>> next(TimePoint end, const LaptopTerminal* terminal);
  Result<void> type(const LaptopTerminal& terminal, TimePoint end);
  Result<std::string> fetch_content(const FetchedFile& file, TimePoint end);

  OwnedFd socket_;
  AgentWatch watch_;
  AgentLines lines_;
  std::uint64_t next_id_ = 1;
  bool input_ended_ = false;
  TerminalSize size_;
};

}  // namespace cleave
