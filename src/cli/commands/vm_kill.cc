// cleave vm kill: as pulling the plug.
#include "app/vm.h"
#include "cli/commands/all.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  const VmEnvironment environment = TRY(this_vm_environment());
  const HostReader* host = TRY(context.host());
  const Result<StopReport> report = kill_vm(*host, environment, vm_argument(context));
  if (!report) return answer_if_absent(context, report.error());
  TRY(tell_stop(context, "cleave.vm-kill/1", *report));
  return ExitStatus::Done;
}

}  // namespace

const Command kVmKillCommand = {
    .name = "vm kill",
    .summary = N_("End a VM at once"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
