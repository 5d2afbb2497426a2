// cleave vm resize: a larger disk.
#include "app/vm_disks.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "vm/check.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const Result<ResizeReport> report = resize_disk(*host, environment, vm_argument(context),
                                                  context.arguments().get("SIZE").value_or(""),
                                                  context.arguments().get("DISK").value_or(""));
  if (!report) return answer(context, report.error());
  context.print_json(Json::object({{"schema", "cleave.vm-resize/1"},
                                   {"name", vm_name_of(vm_argument(context))},
                                   {"disk", report->disk},
                                   {"file", report->file},
                                   {"before", report->before},
                                   {"after", report->after},
                                   {"running", report->running}}));
  const std::vector<Field> fields = {{"disk", report->disk},
                                     {"before", size_text(report->before)},
                                     {"after", size_text(report->after)}};
  if (report->before == report->after) {
    context.say({N_("{disk} has {after} already."), fields});
    return ExitStatus::Done;
  }
  context.say({N_("{disk} has {after} now; it had {before}."), fields});
  context.say({N_("The guest must still enlarge its partition and its file system.")});
  return ExitStatus::Done;
}

}  // namespace

const Command kVmResizeCommand = {
    .name = "vm resize",
    .summary = N_("Make a VM's disk larger"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"SIZE", N_("What it shall have, such as 64G")},
                    {"DISK", N_("Which disk, such as disk0; not needed with one"), false}},
    .run = run,
};

}  // namespace cleave
