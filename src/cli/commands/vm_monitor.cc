// cleave vm monitor: QEMU's own monitor for people.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "app/vm.h"
#include "app/vm_control.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

void print_answer(const CommandContext& context, const std::string& answer) {
  const std::string_view text = trim(answer);
  if (!text.empty()) context.say_text(text);
}

Result<ExitStatus> run_one(CommandContext& context, const HostReader& host,
                           const VmEnvironment& environment, const std::string& command) {
  const Result<std::string> printed =
      monitor_command(host, environment, vm_argument(context), command);
  if (!printed) return answer(context, printed.error());
  context.print_json(Json::object({{"schema", "cleave.vm-monitor/1"},
                                   {"name", vm_name_of(vm_argument(context))},
                                   {"command", command},
                                   {"answer", *printed}}));
  print_answer(context, *printed);
  return ExitStatus::Done;
}

// Connects anew for each line: in between, `vm status` and the others find the monitor free.
Result<ExitStatus> run_lines(CommandContext& context, const HostReader& host,
                             const VmEnvironment& environment) {
  const bool person = ::isatty(STDIN_FILENO) == 1;
  // Says at once if there is nobody to talk to.
  {
    const Result<QmpClient> monitor = connect_monitor(host, environment, vm_argument(context));
    if (!monitor) return answer(context, monitor.error());
  }
  if (person) {
    context.say({N_("Commands of QEMU's monitor, one a line; “help” lists them, Ctrl-D leaves.")});
  }
  std::string line;
  while (true) {
    if (person) std::fputs("(qemu) ", stdout);
    std::fflush(stdout);
    if (!std::getline(std::cin, line)) break;
    const std::string command(trim(line));
    if (command.empty()) continue;
    const Result<std::string> printed =
        monitor_command(host, environment, vm_argument(context), command);
    if (!printed) {
      // After `quit` nobody answers any more.
      if (command == "quit" || command == "q") return ExitStatus::Done;
      if (printed.error().code == ErrorCode::NotFound || !person) return printed.error();
      warn_of(context, printed.error());
      continue;
    }
    print_answer(context, *printed);
  }
  if (person) context.say_text("");
  return ExitStatus::Done;
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const std::string command = join(context.arguments().all("COMMAND"), " ");
  if (!command.empty()) return run_one(context, *host, environment, command);
  if (context.wants_json()) {
    return answer(context, error_of(ErrorCode::Malformed,
                                    {N_("With --json one command is needed: “info status”.")}));
  }
  return run_lines(context, *host, environment);
}

}  // namespace

const Command kVmMonitorCommand = {
    .name = "vm monitor",
    .summary = N_("Give QEMU's own monitor a command"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"COMMAND",
                     N_("A command of the monitor, such as “info status”; without it, commands are "
                        "read line by line"),
                     false, true}},
    .run = run,
};

}  // namespace cleave
