#include "cli/commands/watch.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/format.h"
#include "cli/render/device_users.h"
#include "cli/render/translate.h"
#include "host/uevents.h"

namespace cleave {
namespace {

// Opening a device through VFIO is no event of the kernel, so who uses one is looked up so often:
// only while somebody watches.
constexpr std::chrono::seconds kLookAgain(2);

// ECMA-48: to the upper left corner, then erase the page.
constexpr std::string_view kClear = "\x1b[H\x1b[2J";

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  // Whoever reads a pipe wants to hear of a change now.
  std::fflush(stdout);
}

std::string now_text() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return clock_text(
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count()));
}

const std::string* state_of(const WatchedList& list, const std::string& name) {
  const auto found =
      std::ranges::find(list.states, name, &std::pair<std::string, std::string>::first);
  return found == list.states.end() ? nullptr : &found->second;
}

void show_whole(const CommandContext& context, const WatchedList& list, bool redraw) {
  if (context.wants_json()) return print(to_text(list.json) + "\n");
  print(std::string(redraw ? kClear : "") + list.text + "\n");
}

}  // namespace

std::vector<std::string> change_lines(const WatchedList& before, const WatchedList& now,
                                      const std::string& time) {
  std::vector<std::string> changes;
  for (const auto& [name, state] : before.states) {
    if (state_of(now, name) != nullptr) continue;
    changes.push_back(format("{} {}: {}", time, name, translate(N_("gone"))));
  }
  for (const auto& [name, state] : now.states) {
    const std::string* was = state_of(before, name);
    if (was == nullptr || *was != state) changes.push_back(format("{} {}: {}", time, name, state));
  }
  return changes;
}

Result<ExitStatus> watch(const CommandContext& context, const HostReader& host,
                         const std::function<Result<WatchedList>()>& look) {
  if (!host.is_live()) {
    return error_of(
        ErrorCode::Malformed,
        Message(N_("Nothing changes on a captured machine: there is nothing to watch.")),
        Message(N_("Without --watch what it has is shown.")));
  }
  // Before the first look, so that nothing is missed between the two.
  Uevents events = TRY(Uevents::listen());
  const bool on_terminal = !context.wants_json() && ::isatty(STDOUT_FILENO) == 1;
  WatchedList shown = TRY(look());
  show_whole(context, shown, on_terminal);
  for (;;) {
    (void)TRY(events.wait(kLookAgain));
    WatchedList now = TRY(look());
    if (now.json == shown.json) continue;
    if (context.wants_json() || on_terminal) {
      show_whole(context, now, on_terminal);
    } else {
      for (const std::string& line : change_lines(shown, now, now_text())) print(line + "\n");
    }
    shown = std::move(now);
  }
}

}  // namespace cleave
