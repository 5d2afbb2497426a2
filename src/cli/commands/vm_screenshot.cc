// cleave vm screenshot: the guest's picture as a PNG file.
#include "app/vm.h"
#include "cli/commands/all.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  const VmEnvironment environment = TRY(this_vm_environment());
  const std::string file = context.arguments().get("FILE").value_or("");
  const HostReader* host = TRY(context.host());
  const Result<ScreenshotReport> report =
      save_screenshot(*host, environment, vm_argument(context), file);
  if (!report) return answer_if_absent(context, report.error());
  context.print_json(Json::object({{"schema", "cleave.vm-screenshot/1"},
                                   {"file", file},
                                   {"width", report->width},
                                   {"height", report->height}}));
  context.say({N_("Saved {file}: {width} x {height} pixels"),
               {{"file", file}, {"width", report->width}, {"height", report->height}}});
  return ExitStatus::Done;
}

}  // namespace

const Command kVmScreenshotCommand = {
    .name = "vm screenshot",
    .summary = N_("Save the screen of a running VM"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"FILE", N_("The file to write; it is replaced if it is there")}},
    .run = run,
};

}  // namespace cleave
