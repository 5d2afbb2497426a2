// cleave sleep: what systemd starts before the host sleeps and after it has woken up.
#include "app/sleep.h"

#include <string>

#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

// A person waits for the suspend; a Linux guest is down in 10 seconds, Windows in 30.
constexpr std::chrono::seconds kGuestLimit(60);

Json json_of(const SleepStep& step) {
  return Json::object({{"vm", step.vm.empty() ? Json() : Json(step.vm)},
                       {"user", step.user.empty() ? Json() : Json(step.user)},
                       {"vgpu", step.vgpu.empty() ? Json() : Json(step.vgpu)},
                       {"done", sleep_done_name(step.done)},
                       {"text", english(step.text)},
                       {"reason", step.reason.empty() ? Json() : Json(english(step.reason))}});
}

// One line each in the journal.
void tell(const CommandContext& context, const SleepStep& step) {
  const bool bad = step.done == SleepDone::Refused || step.done == SleepDone::Failed;
  for (const Message& message : {step.text, step.reason}) {
    if (message.empty()) continue;
    if (bad) {
      context.warn(message);
    } else {
      context.say(message);
    }
  }
}

Result<bool> is_before(const Arguments& arguments) {
  const std::string when = arguments.get("WHEN").value_or("");
  if (when == "before") return true;
  if (when == "after") return false;
  return error_of(ErrorCode::Malformed, {N_("Say whether it is “before” or “after” the sleep.")});
}

Result<ExitStatus> run(CommandContext& context) {
  const Result<bool> before = is_before(context.arguments());
  if (!before) return answer(context, before.error());
  const auto limit = seconds_option(context, "--limit", kGuestLimit);
  if (!limit) return answer(context, limit.error());
  Result<ChangeableHost> change = change_host(context);
  if (!change) return answer(context, change.error());
  if (change->host->user_id() != 0) return needs_root();
  const RuntimePlaces places;
  const SleepReport report = *before
                                 ? before_sleep(*change->host, change->transactions, places, *limit)
                                 : after_sleep(*change->host, change->transactions, places);
  Json steps = Json::array();
  for (const SleepStep& step : report.steps) {
    tell(context, step);
    steps.push_back(json_of(step));
  }
  const bool refused = report.has(SleepDone::Refused);
  if (refused) {
    context.warn(
        {N_("The host stays awake. What was done to other VMs is put right where it can "
            "be.")});
  }
  context.print_json(Json::object({{"schema", "cleave.sleep/1"},
                                   {"when", *before ? "before" : "after"},
                                   {"refused", refused},
                                   {"steps", std::move(steps)}}));
  return refused || report.has(SleepDone::Failed) ? ExitStatus::NotReady : ExitStatus::Done;
}

}  // namespace

const Command kSleepCommand = {
    .name = "sleep",
    .summary = N_("Prepare running VMs for a suspend of the host, or continue them"),
    .options = {{"--limit", "SECONDS", N_("How long guests may take to shut down; 60 without it"),
                 false, true}},
    .positionals = {{"WHEN", N_("“before” or “after”")}},
    .run = run,
    .hidden = true,
};

}  // namespace cleave
