// The laptop's end of the conversation: runs commands and hands out files. In the laptop it is
// process 1, so it also takes in orphans.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

struct AgentSetup {
  std::vector<std::string> failed_modules;  // told to whoever says hello
  bool is_init = false;                     // reap every child, power the machine off when asked
  // A virtio port has no end of file: when the other side hangs up, wait for the next.
  bool waits_for_next_caller = false;
};

// Answers requests on `port` until its end of file or a request to power off. One command runs at
// a time; when the caller goes or says hello anew, the command's process group is killed.
Result<void> serve_agent(OwnedFd port, const AgentSetup& setup);

// As process 1 of a laptop: finds the port, serves, powers off. Returns only with an error.
Result<void> run_laptop_agent();

}  // namespace cleave
