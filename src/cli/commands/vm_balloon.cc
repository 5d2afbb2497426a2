// cleave vm balloon: memory that a running guest gives back, or gets again.
#include "app/vm_control.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "vm/check.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const std::string size = context.arguments().get("SIZE").value_or("");
  const Result<BalloonReport> report = set_balloon(*host, environment, vm_argument(context), size);
  if (!report) return answer(context, report.error());
  const std::string name = vm_name_of(vm_argument(context));
  context.print_json(Json::object({{"schema", "cleave.vm-balloon/1"},
                                   {"name", name},
                                   {"wanted", report->wanted},
                                   {"actual", report->actual}}));
  const std::vector<Field> fields = {
      {"name", name}, {"wanted", size_text(report->wanted)}, {"actual", size_text(report->actual)}};
  if (report->actual == report->wanted) {
    context.say({N_("The guest of {name} has {actual} of memory now."), fields});
    return ExitStatus::Done;
  }
  context.say({N_("The guest of {name} was asked for {wanted} and has {actual} now. It may take a "
                  "while; without a driver for virtio-balloon in the guest nothing happens."),
               fields});
  return ExitStatus::NotReady;
}

}  // namespace

const Command kVmBalloonCommand = {
    .name = "vm balloon",
    .summary = N_("Take memory from a running VM, or give it back"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"SIZE", N_("What the guest is to make do with, such as 2G")}},
    .run = run,
};

}  // namespace cleave
