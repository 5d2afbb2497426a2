#include "app/vm_ask.h"

#include <unistd.h>

#include <algorithm>

#include "host/host.h"
#include "run/guest_agent.h"
#include "run/process.h"
#include "vm/runtime_files.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Guests that obey the button begin at once, but take their time; an agent that is asked in vain
// costs as much.
constexpr milliseconds kForTheButton = std::chrono::seconds(20);
constexpr milliseconds kForTheAgent = std::chrono::seconds(3);

milliseconds left_until(Clock::time_point end) {
  return std::max(std::chrono::ceil<milliseconds>(end - Clock::now()), milliseconds(0));
}

// A guest that was still starting at the first time has not seen the button. One that took it for a
// wish to sleep would be woken up by it: that one is left alone.
void press_again(QmpClient& monitor) {
  const Result<Json> status = monitor.execute("query-status");
  if (!status || status->text_of("status") != "running") return;
  (void)monitor.execute("system_powerdown");
}

// True if it was told. Without an answer the guest has no agent, or none that it lets shut down.
bool ask_agent(const std::string& socket, milliseconds limit) {
  Result<GuestAgent> agent = GuestAgent::connect(socket, std::min(limit, kForTheAgent));
  if (!agent) return false;
  const Json mode = Json::object({{"mode", "powerdown"}});
  return agent->tell("guest-shutdown", mode, milliseconds(300)).has_value();
}

}  // namespace

Result<std::optional<StopMeans>> ask_guest_to_stop(const std::string& runtime_directory,
                                                   QmpClient& monitor, const OwnedFd& qemu,
                                                   milliseconds limit) {
  const auto end = Clock::now() + limit;
  const Result<Json> status = monitor.execute("query-status");
  // A guest that is paused sees no button.
  if (status && status->text_of("status") == "paused") (void)monitor.execute("cont");
  const bool pressed = monitor.execute("system_powerdown").has_value();
  const std::string socket = join_path(runtime_directory, kAgentSocket);
  const bool has_channel = ::access(socket.c_str(), F_OK) == 0;
  const milliseconds for_the_button =
      pressed ? std::min(limit / 2, kForTheButton) : milliseconds(0);
  if (TRY(wait_for_end(qemu, for_the_button))) return std::optional(StopMeans::Guest);
  const bool asked = has_channel && ask_agent(socket, left_until(end));
  if (!pressed && !asked) return std::optional<StopMeans>();
  if (!asked) press_again(monitor);
  if (!TRY(wait_for_end(qemu, left_until(end)))) return std::optional<StopMeans>();
  return std::optional(asked ? StopMeans::Agent : StopMeans::Guest);
}

}  // namespace cleave
