// cleave vgpu remove and stop: take a vGPU away, by undoing what made it where cleave did; stop
// does it with one that is defined, which can be made again.
#include <utility>

#include "app/vgpu.h"
#include "app/vgpu_definition.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vgpu_functions.h"

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

void say_comes_back(const CommandContext& context, const MdevDefinition& definition) {
  const std::vector<Field> fields{{"uuid", definition.uuid}};
  context.say(definition.starts_by_itself
                  ? Message(N_("It is made again at the next start; to have it now: cleave vgpu "
                               "start {uuid}"),
                            fields)
                  : Message(N_("To have it again: cleave vgpu start {uuid}"), fields));
}

Result<PreparedRemove> prepare(const HostReader& host, const Transactions& transactions,
                               const VgpuView& view, const std::string& uuid, bool only_defined) {
  if (only_defined) TRY(defined_vgpu(*view.facts, uuid));
  return prepare_remove(host, view, transactions, uuid);
}

Result<ExitStatus> take_away(CommandContext& context, bool only_defined) {
  Result<ChangeableHost> change = change_host(context);
  if (!change) return answer(context, change.error());
  auto& [host, transactions, dry_run] = *change;
  if (!dry_run) TRY(recover_first(context, transactions));
  if (auto functions = take_functions_away(context, *change, only_defined)) return *functions;

  const VgpuView view = TRY(view_vgpus(*host, VgpuDetail::Users));
  const std::string uuid = context.arguments().get("UUID").value_or("");
  const Result<PreparedRemove> prepared = prepare(*host, transactions, view, uuid, only_defined);
  if (!prepared) return answer(context, prepared.error());
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
  if (const auto definition = defined_vgpu(*view.facts, prepared->uuid)) {
    say_comes_back(context, *definition);
  }
  return ExitStatus::Done;
}

Result<ExitStatus> remove(CommandContext& context) { return take_away(context, false); }
Result<ExitStatus> stop(CommandContext& context) { return take_away(context, true); }

}  // namespace

const Command kVgpuRemoveCommand = {
    .name = "vgpu remove",
    .summary = N_("Remove a vGPU that nobody uses"),
    .options = {{"--dry-run", nullptr, N_("Show what would be done and stop")}},
    .positionals = {{"UUID", N_("The vGPU, as “cleave vgpu list” shows it")}},
    .run = remove,
};

const Command kVgpuStopCommand = {
    .name = "vgpu stop",
    .summary = N_("Remove a vGPU that is defined and that nobody uses; its definition stays"),
    .options = {{"--dry-run", nullptr, N_("Show what would be done and stop")}},
    .positionals = {{"UUID", N_("The vGPU, as “cleave vgpu list” shows it")}},
    .run = stop,
};

}  // namespace cleave
