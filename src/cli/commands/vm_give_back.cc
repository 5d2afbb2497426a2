// cleave vm give-back: what ended VMs had of the host's devices. systemd calls it at a VM's end.
#include "app/give_back.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  Result<ChangeableHost> change = change_host(context);
  if (!change) return answer(context, change.error());
  if (change->host->user_id() != 0) return needs_root();
  TRY(recover_first(context, change->transactions));
  Json given = TRY(give_back(context));
  if (given.as_array()->empty()) {
    context.say({N_("Nothing to give back: no ended VM had a device of the host.")});
  }
  context.print_json(
      Json::object({{"schema", "cleave.vm-give-back/1"}, {"given_back", std::move(given)}}));
  return ExitStatus::Done;
}

}  // namespace

const Command kVmGiveBackCommand = {
    .name = "vm give-back",
    .summary = N_("Give devices back to the host whose VM has ended"),
    .options = {},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
