// cleave vm status: looks, and clears away what a crash left.
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>
#include <utility>

#include "app/sleep.h"
#include "app/vm.h"
#include "base/format.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/render/device_users.h"

namespace cleave {
namespace {

void tell_trouble(const CommandContext& context, const VmReport& report) {
  if (report.is_stopped) {
    context.warn({N_("QEMU does not answer: a signal has stopped it (SIGSTOP). It goes on after: "
                     "kill -CONT {process}"),
                  {{"process", report.seen.state.qemu->process_id}}});
  } else if (report.is_silent) {
    context.warn({N_("QEMU does not answer: it is busy, or other programs have both of its "
                     "monitors. “cleave vm stop {name}” ends it in any case."),
                  {{"name", report.name}}});
  }
  if (report.seen.state.disk_trouble) {
    context.warn(trouble_sentence(*report.seen.state.disk_trouble));
    context.say(trouble_remedy(report.name));
  }
  for (const LostCompanion& lost : report.seen.state.lost_companions) {
    context.warn(lost_sentence(lost));
  }
}

// QEMU tells others nothing while cleave's own commands need its monitor, so it is asked.
constexpr auto kLookAgain = std::chrono::seconds(1);

bool is_over(const VmReport& report) {
  return report.seen.status == VmStatus::Ended || report.seen.status == VmStatus::NeverStarted;
}

void tell_change(const CommandContext& context, const VmReport& report) {
  const std::string state =
      report.guest_status.empty() ? status_name(report.seen.status) : report.guest_status;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  context.say_text(
      format("{} {}: {}", clock_text(static_cast<std::uint64_t>(seconds)), report.name, state));
}

Json json_of(const VmReport& report) {
  Json json = Json::object({{"schema", "cleave.vm-status/1"}});
  json.set("vm", report_json(report));
  return json;
}

// A line for each change, until the VM does not run any more; with --json a line of JSON.
Result<void> follow(const CommandContext& context, const VmEnvironment& environment) {
  std::optional<std::pair<VmStatus, std::string>> shown;
  while (true) {
    const VmReport report = TRY(vm_status(environment, vm_argument(context), true));
    std::pair<VmStatus, std::string> now = {report.seen.status, report.guest_status};
    // Asked while another command had the monitor.
    const bool unknown = shown && now.first == shown->first && now.second.empty();
    if (!unknown && now != shown) {
      if (context.wants_json()) {
        std::fputs((to_text(json_of(report)) + "\n").c_str(), stdout);
      } else {
        tell_change(context, report);
      }
      // Whoever reads a pipe wants to hear of a change now.
      std::fflush(stdout);
      shown = std::move(now);
    }
    if (is_over(report)) return {};
    std::this_thread::sleep_for(kLookAgain);
  }
}

// A VM of which something is to be told, if only that it was never started. One that ran, as the
// demo, need not have a definition.
Result<void> expect_known(const HostReader& host, const VmEnvironment& environment,
                          const std::string& name) {
  const VmReport report = TRY(vm_status(environment, name, false));
  if (report.seen.status == VmStatus::NeverStarted) TRY(find_definition(host, environment, name));
  return {};
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const Result<void> known = expect_known(*host, environment, vm_argument(context));
  if (!known) return answer(context, known.error());
  if (context.arguments().has("--watch")) {
    TRY(follow(context, environment));
    if (context.wants_json()) return ExitStatus::NotReady;
  }
  const VmReport report = TRY(vm_status(environment, vm_argument(context), true));
  context.print_json(json_of(report));
  tell_cleaned(context, report.seen.cleaned);
  switch (report.seen.status) {
    case VmStatus::NeverStarted:
      context.say({N_("The VM {name} was not started since this machine came up."),
                   {{"name", report.name}}});
      return ExitStatus::NotReady;
    case VmStatus::Starting:
      context.say({N_("The VM {name} is being started."), {{"name", report.name}}});
      return ExitStatus::NotReady;
    case VmStatus::Ended:
      context.say({N_("The VM {name} does not run any more."), {{"name", report.name}}});
      if (report.seen.state.end) tell_end(context, *report.seen.state.end);
      if (report.suspend_mark && report.suspend_mark->done == SuspendMark::Done::Stopped) {
        context.say({N_("It was shut down because the host was suspended. Start it again: cleave "
                        "vm start {name}"),
                     {{"name", report.name}}});
      }
      return ExitStatus::NotReady;
    case VmStatus::Unsupervised:
      context.warn({N_("The supervisor of {name} was killed; `cleave vm stop {name}` still works "
                       "and clears up."),
                    {{"name", report.name}}});
      break;
    case VmStatus::Running:
      break;
  }
  context.say({N_("The VM {name} runs: QEMU is process {process}."),
               {{"name", report.name},
                {"process", report.seen.state.qemu ? report.seen.state.qemu->process_id : 0}}});
  if (!report.guest_status.empty()) {
    context.say({N_("QEMU says of the guest: {status}"), {{"status", report.guest_status}}});
  }
  tell_trouble(context, report);
  const SuspendPolicy policy = policy_of(report.seen.state, kernel_release(*host));
  context.say(suspend_sentence(report.name, policy.action));
  context.say(policy.reason);
  if (report.suspend_mark && report.suspend_mark->done == SuspendMark::Done::Paused) {
    context.say(
        {N_("It was paused for a suspend. Unless the host is just waking up, continue it: "
            "sudo cleave sleep after")});
  }
  return ExitStatus::Done;
}

}  // namespace

const Command kVmStatusCommand = {
    .name = "vm status",
    .summary = N_("Tell whether a VM runs, or why it ended"),
    .options = {{"--watch", nullptr, N_("Tell each change until the VM has ended")}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
