// cleave vm command: what would be run, for people to copy.
#include "app/vm.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const Result<std::string> file = find_definition(*host, environment, vm_argument(context));
  if (!file) return answer(context, file.error());
  const Vm vm = TRY(load_good_vm(*host, environment, *file));
  const CommandLine line = TRY(command_line_of(*host, environment, vm));
  Json argv = Json::array();
  for (const std::string& argument : line.argv()) argv.push_back(argument);
  Json groups = Json::array();
  for (const ArgumentGroup& group : line.groups) {
    Json arguments = Json::array();
    for (const std::string& argument : group.arguments) arguments.push_back(argument);
    groups.push_back(Json::object({{"name", group.name},
                                   {"arguments", std::move(arguments)},
                                   {"reason", english(group.reason)}}));
  }
  context.print_json(Json::object({{"schema", "cleave.vm-command/1"},
                                   {"name", vm.name},
                                   {"argv", std::move(argv)},
                                   {"groups", std::move(groups)}}));
  if (context.wants_json()) return ExitStatus::Done;
  if (!context.arguments().has("--explain")) {
    context.say_text(to_shell_text(line.argv()));
    return ExitStatus::Done;
  }
  context.say_text(to_shell_text({line.program}));
  for (const ArgumentGroup& group : line.groups) {
    context.say_text("  " + to_shell_text(group.arguments));
    if (!group.reason.empty()) {
      context.say_text(wrap("      " + translate(group.reason), terminal_width(), 6));
    }
  }
  return ExitStatus::Done;
}

}  // namespace

const Command kVmCommandCommand = {
    .name = "vm command",
    .summary = N_("Print the QEMU command line of a VM"),
    .options = {{"--explain", nullptr, N_("Tell why each argument is there")}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
