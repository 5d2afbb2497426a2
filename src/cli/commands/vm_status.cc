// cleave vm status: looks, and clears away what a crash left.
#include "app/sleep.h"
#include "app/vm.h"
#include "cli/commands/all.h"
#include "cli/commands/vm_common.h"

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

Result<ExitStatus> run(CommandContext& context) {
  const VmEnvironment environment = TRY(this_vm_environment());
  const VmReport report = TRY(vm_status(environment, vm_argument(context), true));
  Json json = Json::object({{"schema", "cleave.vm-status/1"}});
  json.set("vm", report_json(report));
  context.print_json(json);
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
  HostWriter* host = TRY(context.host());
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
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
