// cleave vm check: the definition first, then this machine.
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
  const LoadedVm loaded = TRY(load_vm(*host, environment, *file));
  Json problems = Json::array();
  std::size_t count = loaded.checked.problems.size();
  for (const DefinitionProblem& problem : loaded.checked.problems) {
    problems.push_back(problem_json(problem));
    context.say({N_("{file}, line {line}, column {column}: {problem}"),
                 {{"file", loaded.file},
                  {"line", problem.position.line},
                  {"column", problem.position.column},
                  {"problem", translate(problem.message)}}});
  }
  if (loaded.checked.vm) {
    const auto found = TRY(check_machine(*host, environment, *loaded.checked.vm, true));
    count += found.size();
    for (const VmProblem& problem : found) {
      problems.push_back(problem_json(problem));
      context.say(problem.message);
      if (!problem.remedy.empty()) context.say_text("  " + translate(problem.remedy));
    }
  }
  context.print_json(Json::object({{"schema", "cleave.vm-check/1"},
                                   {"name", loaded.name},
                                   {"file", loaded.file},
                                   {"ready", count == 0},
                                   {"problems", std::move(problems)}}));
  if (count != 0) return ExitStatus::NotReady;
  context.say({N_("{name} can be started."), {{"name", loaded.name}}});
  return ExitStatus::Done;
}

}  // namespace

const Command kVmCheckCommand = {
    .name = "vm check",
    .summary = N_("Tell what keeps a VM from starting here"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
