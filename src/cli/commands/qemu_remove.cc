// cleave qemu remove: takes away a QEMU that cleave built.
#include "app/qemu_builds.h"
#include "cli/commands/all.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const QemuBuild removed = TRY(remove_build(*host, environment, *context.arguments().get("NAME")));
  context.say({N_("The QEMU {name} is removed from {prefix}."),
               {{"name", removed.record.name}, {"prefix", removed.prefix}}});
  context.print_json(Json::object({{"schema", "cleave.qemu.remove/1"},
                                   {"name", removed.record.name},
                                   {"prefix", removed.prefix}}));
  return ExitStatus::Done;
}

}  // namespace

const Command kQemuRemoveCommand = {
    .name = "qemu remove",
    .summary = N_("Remove a QEMU that cleave built"),
    .options = {},
    .positionals = {{.name = "NAME", .help = N_("as `cleave qemu list` shows it")}},
    .run = run,
};

}  // namespace cleave
