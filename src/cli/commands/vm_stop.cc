// cleave vm stop: the power button, then QEMU's quit, then SIGKILL.
#include "app/vm.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  const auto limit = seconds_option(context, "--limit", std::chrono::seconds(60));
  if (!limit) return answer(context, limit.error());
  const VmEnvironment environment = TRY(this_vm_environment());
  const HostReader* host = TRY(context.host());
  const Result<StopReport> report = stop_vm(*host, environment, vm_argument(context), *limit);
  if (!report) return answer_if_absent(context, report.error());
  TRY(tell_stop(context, "cleave.vm-stop/1", *report));
  return ExitStatus::Done;
}

}  // namespace

const Command kVmStopCommand = {
    .name = "vm stop",
    .summary = N_("Shut a VM down"),
    .options = {{"--limit", "SECONDS",
                 N_("How long the guest may take before QEMU is ended; 60 without it")}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
