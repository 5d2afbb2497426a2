// cleave vm console: the terminal becomes the guest's serial port.
#include <unistd.h>

#include <cstdio>

#include "app/vm_control.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "run/terminal.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  if (context.wants_json()) {
    return answer(context, error_of(ErrorCode::Malformed, {N_("What the guest prints is no JSON: "
                                                              "leave out --json.")}));
  }
  const Result<OwnedFd> socket = connect_console(*host, environment, vm_argument(context));
  if (!socket) return answer(context, socket.error());
  // A pipe gets what the guest prints, and nothing is typed.
  const bool person = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  const std::vector<Field> name = {{"name", vm_name_of(vm_argument(context))}};
  if (person) context.say({N_("Connected with {name}; Ctrl-] leaves."), name});
  std::fflush(stdout);
  const RelayEnd end = TRY(relay(*socket, person ? STDIN_FILENO : -1, STDOUT_FILENO));
  if (person && end == RelayEnd::OtherSide) {
    context.say_text("");
    context.say({N_("The VM {name} has ended, or closed its serial port."), name});
  }
  if (person && end == RelayEnd::Escape) context.say_text("");
  return ExitStatus::Done;
}

}  // namespace

const Command kVmConsoleCommand = {
    .name = "vm console",
    .summary = N_("Type on a VM's serial port; in a pipe, print what comes from it"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
