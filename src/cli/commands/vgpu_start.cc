// cleave vgpu start: makes vGPUs as they are defined: one, or those that are made at every start.
#include <algorithm>
#include <chrono>
#include <utility>

#include "app/vgpu_definition.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

// At a start of the machine the units of several parents are at it at once.
constexpr std::chrono::seconds kPatience(30);

Json json_of(const StartedVgpu& started) {
  return Json::object({{"uuid", printable(started.definition.uuid)},
                       {"parent", printable(started.definition.parent)},
                       {"type", printable(started.definition.type)},
                       {"state", vgpu_start_name(started.state)},
                       {"reason", started.why ? Json(english(*started.why)) : Json()},
                       {"transaction", started.transaction == 0 ? Json() : started.transaction}});
}

Json planned_json(const MdevDefinition& definition, const Plan& plan) {
  return Json::object(
      {{"uuid", definition.uuid},
       {"parent", printable(definition.parent)},
       {"type", printable(definition.type)},
       {"state", plan.empty() ? vgpu_start_name(VgpuStart::AlreadyThere) : "planned"},
       {"plan", to_json(plan)}});
}

void say(const CommandContext& context, const StartedVgpu& started) {
  const std::vector<Field> fields{{"uuid", printable(started.definition.uuid)},
                                  {"parent", printable(started.definition.parent)},
                                  {"type", printable(started.definition.type)}};
  switch (started.state) {
    case VgpuStart::Started:
      context.say({N_("The vGPU {uuid} of type {type} on {parent} is there."), fields});
      return;
    case VgpuStart::AlreadyThere:
      context.say({N_("The vGPU {uuid} of type {type} on {parent} was there already."), fields});
      return;
    case VgpuStart::Refused:
      warn_of(context, *started.why);
  }
}

Result<std::vector<MdevDefinition>> wanted(const HostReader& host, const Arguments& arguments) {
  const VgpuView view = TRY(view_vgpus(host));
  if (const auto uuid = arguments.get("UUID")) {
    return std::vector{TRY(defined_vgpu(*view.facts, *uuid))};
  }
  std::vector<MdevDefinition> definitions = TRY(vgpu_definitions(*view.facts));
  std::optional<std::string> parent = arguments.get("--parent");
  const auto address = parse_pci_address(parent.value_or(""));
  if (address) parent = to_text(*address);
  std::erase_if(definitions, [&](const MdevDefinition& definition) {
    return !definition.starts_by_itself || (parent && definition.parent != *parent);
  });
  return definitions;
}

Result<void> check_usage(const Arguments& arguments) {
  const auto given = static_cast<int>(arguments.has("UUID")) +
                     static_cast<int>(arguments.has("--parent")) +
                     static_cast<int>(arguments.has("--all"));
  if (given == 1) return {};
  return error_of(ErrorCode::Malformed,
                  {N_("Say which vGPUs are to be made: a UUID, --parent NAME or --all.")});
}

Result<ExitStatus> run(CommandContext& context) {
  const Result<void> usage = check_usage(context.arguments());
  if (!usage) return answer(context, usage.error());
  Result<ChangeableHost> change = change_host(context);
  if (!change) return answer(context, change.error());
  auto& [host, transactions, dry_run] = *change;
  const Result<std::vector<MdevDefinition>> definitions = wanted(*host, context.arguments());
  if (!definitions) return answer(context, definitions.error());
  if (!dry_run) TRY(recover_patiently(*host, transactions, kPatience));
  Json vgpus = Json::array();
  bool all = true;
  for (const MdevDefinition& definition : *definitions) {
    const Result<PreparedCreate> prepared = prepare_start(*host, definition);
    if (prepared && !prepared->plan.empty()) show_plan(context, prepared->plan);
    if (prepared && dry_run) {
      vgpus.push_back(planned_json(definition, prepared->plan));
      continue;
    }
    const StartedVgpu started =
        TRY(start_vgpu(*host, transactions, definition, prepared, kPatience));
    say(context, started);
    vgpus.push_back(json_of(started));
    all = all && started.state != VgpuStart::Refused;
  }
  if (definitions->empty()) {
    context.say({N_("Nothing is defined to be made at every start.")});
  }
  context.print_json(
      Json::object({{"schema", "cleave.vgpu-start/1"}, {"vgpus", std::move(vgpus)}}));
  return all ? ExitStatus::Done : ExitStatus::NotReady;
}

}  // namespace

const Command kVgpuStartCommand = {
    .name = "vgpu start",
    .summary = N_("Make vGPUs that are defined"),
    .options = {{"--all", nullptr, N_("All that are defined with --auto")},
                {"--parent", "NAME", N_("Those of this parent that are defined with --auto")},
                {"--dry-run", nullptr, N_("Show what would be done and stop")}},
    .positionals = {{"UUID", N_("The vGPU, as “cleave vgpu list” shows it"), false}},
    .run = run,
};

}  // namespace cleave
