// --watch: shows a list again whenever it has changed.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cli/command.h"

namespace cleave {

// A list at one moment.
struct WatchedList {
  std::string text;  // for a terminal
  Json json;
  // Each thing of it with its state, for those who want to hear of changes alone: "UUID", "free".
  std::vector<std::pair<std::string, std::string>> states;
};

// What changed from `before` to `now`, one line each: "20:45:01 UUID: free". What is not there any
// more is "gone".
std::vector<std::string> change_lines(const WatchedList& before, const WatchedList& now,
                                      const std::string& time);

// Shows what `look` finds, then follows the kernel's events until a signal ends the program. On a
// terminal the list is drawn again; elsewhere each change is a line; with --json a line is a list.
// Malformed where `host` is a captured machine, on which nothing changes.
Result<ExitStatus> watch(const CommandContext& context, const HostReader& host,
                         const std::function<Result<WatchedList>()>& look);

}  // namespace cleave
