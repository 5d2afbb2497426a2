// cleave vgpu define: keeps a vGPU's definition, so that it can be made again after a restart.
#include <utility>

#include "app/units.h"
#include "app/vgpu_definition.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vgpu_functions.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

Result<PreparedDefine> prepare(const HostReader& host, const Arguments& arguments) {
  DefineRequest request{.parent = arguments.get("--parent"),
                        .type = arguments.get("--type"),
                        .uuid = arguments.get("--uuid"),
                        .by_itself = std::nullopt};
  if (arguments.has("--auto")) request.by_itself = true;
  if (arguments.has("--manual")) request.by_itself = false;
  const VgpuView view = TRY(view_vgpus(host, VgpuDetail::None));
  return prepare_define(view, request);
}

Json json_of(const PreparedDefine& prepared, std::optional<std::uint32_t> transaction) {
  const MdevDefinition& definition = prepared.definition;
  return Json::object({{"schema", "cleave.vgpu-define/1"},
                       {"dry_run", !transaction.has_value()},
                       {"uuid", definition.uuid},
                       {"type", definition.type},
                       {"parent", definition.parent},
                       {"start", definition.starts_by_itself ? "auto" : "manual"},
                       {"path", definition.path},
                       {"transaction", transaction ? Json(*transaction) : Json()},
                       {"plan", to_json(prepared.plan)}});
}

// What else it needs until the vGPU is there.
void say_next_steps(const CommandContext& context, const HostReader& host,
                    const PreparedDefine& prepared) {
  const MdevDefinition& definition = prepared.definition;
  if (prepared.unchecked) {
    context.say({N_("{parent} is not registered now, so whether it has that type could not be "
                    "checked."),
                 {{"parent", printable(definition.parent)}}});
  }
  if (definition.starts_by_itself && !vgpus_come_back(host)) {
    context.say(
        {N_("Nothing on this machine makes it at a start yet: “cleave setup” brings the unit that "
            "does.")});
  }
  context.say({N_("To have it now: cleave vgpu start {uuid}"), {{"uuid", definition.uuid}}});
}

Result<ExitStatus> run(CommandContext& context) {
  if (context.arguments().has("--auto") && context.arguments().has("--manual")) {
    return answer(context, error_of(ErrorCode::Malformed,
                                    {N_("--auto and --manual are the opposite of each other.")}));
  }
  Result<ChangeableHost> change = change_host(context);
  if (!change) return answer(context, change.error());
  auto& [host, transactions, dry_run] = *change;
  if (!dry_run) TRY(recover_first(context, transactions));
  if (auto functions = define_functions(context, *change)) return *functions;

  const Result<PreparedDefine> prepared = prepare(*host, context.arguments());
  if (!prepared) return answer(context, prepared.error());
  if (prepared->plan.empty()) {
    context.print_json(json_of(*prepared, 0U));
    context.say({N_("The vGPU {uuid} is defined so already: {path}"),
                 {{"uuid", prepared->definition.uuid}, {"path", prepared->definition.path}}});
    return ExitStatus::Done;
  }
  show_plan(context, prepared->plan);
  if (dry_run) {
    context.print_json(json_of(*prepared, std::nullopt));
    return ExitStatus::Done;
  }
  const ApplyReport report = TRY(transactions.apply(prepared->plan));
  context.print_json(json_of(*prepared, report.transaction));
  context.say({N_("The vGPU {uuid} is defined: {path}"),
               {{"uuid", prepared->definition.uuid}, {"path", prepared->definition.path}}});
  say_next_steps(context, *host, *prepared);
  return ExitStatus::Done;
}

}  // namespace

const Command kVgpuDefineCommand = {
    .name = "vgpu define",
    .summary = N_("Keep a vGPU's definition, so that it is made again after a restart"),
    .options = {{"--parent", "NAME",
                 N_("The GPU (or other parent) to make it on; not needed with one GPU")},
                {"--type", "TYPE", N_("Its type; without it the best that fits")},
                {"--uuid", "UUID",
                 N_("Its UUID, also of a vGPU that is there or is defined; without it a random "
                    "one")},
                {"--auto", nullptr, N_("Make it at every start of the machine")},
                {"--manual", nullptr, N_("Make it only when “cleave vgpu start” is called")},
                kFunctionsOption,
                kFunctionAttributeOption,
                {"--dry-run", nullptr, N_("Show what would be done and stop")}},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
