// cleave vm show: the definition as it is written.
#include "app/vm.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const Result<std::string> file = find_definition(*host, environment, vm_argument(context));
  if (!file) return answer(context, file.error());
  const LoadedVm loaded = TRY(load_vm(*host, environment, *file));
  Json problems = Json::array();
  for (const DefinitionProblem& problem : loaded.checked.problems) {
    problems.push_back(problem_json(problem));
  }
  context.print_json(Json::object({{"schema", "cleave.vm-show/1"},
                                   {"name", loaded.name},
                                   {"file", loaded.file},
                                   {"text", loaded.text},
                                   {"problems", std::move(problems)}}));
  if (context.wants_json()) return ExitStatus::Done;
  context.say_text(format("# {}", loaded.file));
  context.say_text(trim(printable(loaded.text)));
  return ExitStatus::Done;
}

}  // namespace

const Command kVmShowCommand = {
    .name = "vm show",
    .summary = N_("Show the definition of a VM"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
