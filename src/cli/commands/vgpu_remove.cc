// cleave vgpu remove: takes a vGPU away, by undoing what made it where cleave did.
#include <utility>

#include "app/vgpu.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"

namespace cleave {
namespace {

Json json_of(const PreparedRemove& prepared, std::optional<std::uint32_t> transaction) {
  return Json::object({{"schema", "cleave.vgpu-remove/1"},
                       {"dry_run", !transaction.has_value()},
                       {"uuid", prepared.uuid},
                       {"type", prepared.type_id},
                       {"parent", prepared.parent},
                       {"undoes", prepared.made_by ? Json(prepared.made_by->number) : Json()},
                       {"transaction", transaction ? Json(*transaction) : Json()},
                       {"plan", prepared.made_by ? Json() : to_json(prepared.plan)}});
}

Result<ExitStatus> run(CommandContext& context) {
  const Result<HostWriter*> host = changeable_host(context);
  if (!host) {
    if (const auto status = answered(context, host.error())) return *status;
    return host.error();
  }
  const bool dry_run = context.arguments().has("--dry-run");
  Transactions transactions(**host, TRY(state_directory(**host)));
  if (!dry_run) TRY(recover_first(context, transactions));

  const VgpuView view = TRY(view_vgpus(**host));
  const std::string uuid = context.arguments().get("UUID").value_or("");
  const Result<PreparedRemove> prepared = prepare_remove(**host, view, transactions, uuid);
  if (!prepared) {
    if (const auto status = answered(context, prepared.error())) return *status;
    return prepared.error();
  }
  if (prepared->made_by) {
    show_undo(context, *prepared->made_by);
  } else {
    show_plan(context, prepared->plan);  // its reason tells what could not be seen
  }
  if (prepared->made_by && !prepared->users_known) {
    context.warn(
        Message(N_("Whether another user's process has the vGPU open cannot be seen "
                   "without root.")));
  }
  if (dry_run) {
    context.print_json(json_of(*prepared, std::nullopt));
    return ExitStatus::Done;
  }
  const std::uint32_t transaction = TRY(remove_vgpu(transactions, *prepared));
  context.print_json(json_of(*prepared, transaction));
  context.say(Message(N_("The vGPU {uuid} is gone."), {{"uuid", prepared->uuid}}));
  return ExitStatus::Done;
}

}  // namespace

const Command kVgpuRemoveCommand = {
    .name = "vgpu remove",
    .summary = N_("Remove a vGPU that nobody uses"),
    .options = {{"--dry-run", nullptr, N_("Show what would be done and stop")}},
    .positionals = {{"UUID", N_("The vGPU, as “cleave vgpu list” shows it")}},
    .run = run,
};

}  // namespace cleave
