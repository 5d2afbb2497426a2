// cleave vgpu create: makes one vGPU, after showing how.
#include <utility>

#include "app/vgpu.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vgpu_functions.h"

namespace cleave {
namespace {

Result<CreateRequest> request_of(const Arguments& arguments) {
  CreateRequest request{.parent = arguments.get("--parent"),
                        .type = arguments.get("--type"),
                        .uuid = arguments.get("--uuid"),
                        .owner = std::nullopt};
  if (const auto user = arguments.get("--for")) request.owner = TRY(find_user(*user));
  return request;
}

Result<PreparedCreate> prepare(const HostReader& host, const Arguments& arguments) {
  const CreateRequest request = TRY(request_of(arguments));
  const VgpuView view = TRY(view_vgpus(host, VgpuDetail::None, request.parent));
  return prepare_create(view, request);
}

Json json_of(const PreparedCreate& prepared, std::optional<std::uint32_t> transaction) {
  return Json::object({{"schema", "cleave.vgpu-create/1"},
                       {"dry_run", !transaction.has_value()},
                       {"uuid", prepared.request.uuid},
                       {"type", prepared.request.type_id},
                       {"parent", prepared.request.parent},
                       {"sysfs_path", prepared.sysfs_path},
                       {"transaction", transaction ? Json(*transaction) : Json()},
                       {"plan", to_json(prepared.plan)}});
}

// A refusal of the driver is an answer; anything else that stops a transaction is a failure.
bool is_refusal(const Error& error) {
  return error.code == ErrorCode::Conflict && error.path.ends_with("/create");
}

Result<ExitStatus> run(CommandContext& context) {
  Result<ChangeableHost> change = change_host(context);
  if (!change) return answer(context, change.error());
  auto& [host, transactions, dry_run] = *change;
  if (!dry_run) TRY(recover_first(context, transactions));
  if (auto functions = create_functions(context, *change)) return *functions;

  const Result<PreparedCreate> prepared = prepare(*host, context.arguments());
  if (!prepared) return answer(context, prepared.error());
  show_plan(context, prepared->plan);
  if (dry_run) {
    context.print_json(json_of(*prepared, std::nullopt));
    return ExitStatus::Done;
  }
  const Result<ApplyReport> report = create_vgpu(transactions, *prepared);
  if (!report) {
    if (is_refusal(report.error())) {
      if (const auto status = answered(context, report.error())) return *status;
    }
    return report.error();
  }
  context.print_json(json_of(*prepared, report->transaction));
  if (report->transaction == 0) {
    context.say(Message(N_("The vGPU {uuid} was there already: {path}"),
                        {{"uuid", prepared->request.uuid}, {"path", prepared->sysfs_path}}));
    return ExitStatus::Done;
  }
  context.say(Message(N_("The vGPU {uuid} is there: {path}"),
                      {{"uuid", prepared->request.uuid}, {"path", prepared->sysfs_path}}));
  return ExitStatus::Done;
}

}  // namespace

const Command kVgpuCreateCommand = {
    .name = "vgpu create",
    .summary = N_("Create a vGPU"),
    .options = {{"--parent", "NAME",
                 N_("The GPU (or other parent) to make it on; not needed with one GPU")},
                {"--type", "TYPE", N_("Its type; without it the best that fits")},
                {"--uuid", "UUID", N_("Its UUID; without it a random one")},
                {"--for", "USER", N_("Let this user open and remove the vGPU without root")},
                kFunctionsOption,
                kFunctionAttributeOption,
                {"--dry-run", nullptr, N_("Show what would be done and stop")}},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
