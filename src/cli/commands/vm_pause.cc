// cleave vm pause, resume, reset: the guest's processors.
#include "app/vm_control.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

Result<ControlReport> control(CommandContext& context, ControlAction action, const char* schema) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  ControlReport report = TRY(control_vm(*host, environment, vm_argument(context), action));
  context.print_json(Json::object({{"schema", schema},
                                   {"name", report.name},
                                   {"before", report.before},
                                   {"after", report.after},
                                   {"changed", report.changed}}));
  return report;
}

std::vector<Field> fields_of(const ControlReport& report) {
  return {{"name", report.name}, {"status", report.after}};
}

Result<ExitStatus> pause(CommandContext& context) {
  const Result<ControlReport> controlled =
      control(context, ControlAction::Pause, "cleave.vm-pause/1");
  if (!controlled) return answer(context, controlled.error());
  const ControlReport& report = *controlled;
  context.say(
      report.changed
          ? Message(N_("The VM {name} is paused; `cleave vm resume {name}` continues it."),
                    fields_of(report))
          : Message(N_("The guest of {name} does not run anyway: {status}"), fields_of(report)));
  return ExitStatus::Done;
}

Result<ExitStatus> resume(CommandContext& context) {
  const Result<ControlReport> controlled =
      control(context, ControlAction::Resume, "cleave.vm-resume/1");
  if (!controlled) return answer(context, controlled.error());
  const ControlReport& report = *controlled;
  context.say(report.changed ? Message(N_("The VM {name} goes on."), fields_of(report))
                             : Message(N_("The VM {name} was not paused."), fields_of(report)));
  return ExitStatus::Done;
}

Result<ExitStatus> reset(CommandContext& context) {
  const Result<ControlReport> controlled =
      control(context, ControlAction::Reset, "cleave.vm-reset/1");
  if (!controlled) return answer(context, controlled.error());
  const ControlReport& report = *controlled;
  context.say({N_("The VM {name} was reset, as by the button on a computer."), fields_of(report)});
  if (report.after != "running") {
    context.say(
        {N_("Its guest does not run yet ({status}): cleave vm resume {name}"), fields_of(report)});
  }
  return ExitStatus::Done;
}

}  // namespace

const Command kVmPauseCommand = {
    .name = "vm pause",
    .summary = N_("Hold a VM's processors"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = pause,
};

const Command kVmResumeCommand = {
    .name = "vm resume",
    .summary = N_("Let a paused VM go on"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = resume,
};

const Command kVmResetCommand = {
    .name = "vm reset",
    .summary = N_("Start a VM's guest anew, without shutting it down"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = reset,
};

}  // namespace cleave
