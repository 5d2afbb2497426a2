// cleave vgpu undefine: takes a vGPU's definition away; the vGPU itself stays until it is removed.
#include <utility>

#include "app/vgpu_definition.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vgpu_functions.h"

namespace cleave {
namespace {

Json json_of(const PreparedUndefine& prepared, std::optional<std::uint32_t> transaction) {
  return Json::object({{"schema", "cleave.vgpu-undefine/1"},
                       {"dry_run", !transaction.has_value()},
                       {"uuid", prepared.definition.uuid},
                       {"type", prepared.definition.type},
                       {"parent", prepared.definition.parent},
                       {"path", prepared.definition.path},
                       {"exists", prepared.exists},
                       {"transaction", transaction ? Json(*transaction) : Json()},
                       {"plan", to_json(prepared.plan)}});
}

Result<ExitStatus> run(CommandContext& context) {
  Result<ChangeableHost> change = change_host(context);
  if (!change) return answer(context, change.error());
  auto& [host, transactions, dry_run] = *change;
  if (!dry_run) TRY(recover_first(context, transactions));
  if (auto functions = undefine_functions(context, *change)) return *functions;

  const VgpuView view = TRY(view_vgpus(*host, VgpuDetail::None));
  const Result<PreparedUndefine> prepared =
      prepare_undefine(view, transactions, context.arguments().get("UUID").value_or(""));
  if (!prepared) return answer(context, prepared.error());
  show_plan(context, prepared->plan);
  if (dry_run) {
    context.print_json(json_of(*prepared, std::nullopt));
    return ExitStatus::Done;
  }
  context.print_json(json_of(*prepared, TRY(undefine_vgpu(transactions, *prepared))));
  const std::string uuid = printable(prepared->definition.uuid);
  context.say({N_("The vGPU {uuid} is not defined any more."), {{"uuid", uuid}}});
  if (prepared->exists) {
    context.say(
        {N_("It is still there; “cleave vgpu remove {uuid}” removes it."), {{"uuid", uuid}}});
  }
  return ExitStatus::Done;
}

}  // namespace

const Command kVgpuUndefineCommand = {
    .name = "vgpu undefine",
    .summary = N_("Take a vGPU's definition away"),
    .options = {{"--dry-run", nullptr, N_("Show what would be done and stop")}},
    .positionals = {{"UUID", N_("The vGPU, as “cleave vgpu list” shows it")}},
    .run = run,
};

}  // namespace cleave
