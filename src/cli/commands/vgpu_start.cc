// cleave vgpu start: makes vGPUs as they are defined: one, or those that are made at every start.
#include <algorithm>
#include <utility>

#include "app/vgpu_choice.h"
#include "app/vgpu_definition.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vgpu_functions.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

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

Result<std::vector<MdevDefinition>> wanted(const VgpuView& view, const Arguments& arguments) {
  if (const auto uuid = arguments.get("UUID")) {
    return std::vector{TRY(defined_vgpu(*view.facts, *uuid))};
  }
  std::vector<MdevDefinition> definitions = TRY(vgpu_definitions(*view.facts));
  const auto parent = arguments.get("--parent").transform(parent_name);
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

Result<std::vector<PreparedStart>> prepare(const HostReader& host, const Arguments& arguments) {
  const VgpuView view = TRY(view_vgpus(host, VgpuDetail::None, arguments.get("--parent")));
  std::vector<PreparedStart> prepared;
  for (const MdevDefinition& definition : TRY(wanted(view, arguments))) {
    prepared.push_back(prepare_start(view, definition));
  }
  return prepared;
}

// What the command comes to, piece by piece.
struct Outcome {
  Json vgpus = Json::array();
  Json functions = Json::array();
  bool all = true;  // none was refused
};

ExitStatus finish(const CommandContext& context, Outcome outcome) {
  context.print_json(Json::object({{"schema", "cleave.vgpu-start/1"},
                                   {"vgpus", std::move(outcome.vgpus)},
                                   {"functions", std::move(outcome.functions)}}));
  return outcome.all ? ExitStatus::Done : ExitStatus::NotReady;
}

void show_only(const CommandContext& context, const std::vector<PreparedStart>& prepared,
               Outcome& outcome) {
  for (const PreparedStart& each : prepared) {
    outcome.all = outcome.all && each.create.has_value();
    if (each.create) {
      outcome.vgpus.push_back(planned_json(each.definition, each.create->plan));
      continue;
    }
    const StartedVgpu refused{.definition = each.definition, .why = each.create.error()};
    say(context, refused);
    outcome.vgpus.push_back(json_of(refused));
  }
}

Result<void> start(const CommandContext& context, ChangeableHost& change,
                   const std::vector<PreparedStart>& prepared, Outcome& outcome) {
  for (const StartedVgpu& each : TRY(start_vgpus(*change.host, change.transactions, prepared))) {
    say(context, each);
    outcome.vgpus.push_back(json_of(each));
    outcome.all = outcome.all && each.state != VgpuStart::Refused;
  }
  return {};
}

Result<ExitStatus> run(CommandContext& context) {
  const Result<void> usage = check_usage(context.arguments());
  if (!usage) return answer(context, usage.error());
  Result<ChangeableHost> change = change_host(context);
  if (!change) return answer(context, change.error());
  auto& [host, transactions, dry_run] = *change;
  if (!dry_run) TRY(recover_first(context, transactions));
  if (auto functions = start_functions(context, *change)) return *functions;
  Outcome outcome;
  // Before what may be made on them.
  outcome.all = TRY(start_all_functions(context, *change, outcome.functions));
  const auto prepared = prepare(*host, context.arguments());
  if (!prepared) return answer(context, prepared.error());
  if (prepared->empty() && outcome.functions.as_array()->empty()) {
    context.say({N_("Nothing is defined to be made at every start.")});
  }
  for (const PreparedStart& each : *prepared) {
    if (each.create && !each.create->plan.empty()) show_plan(context, each.create->plan);
  }
  if (dry_run) {
    show_only(context, *prepared, outcome);
  } else if (const Result<void> started = start(context, *change, *prepared, outcome); !started) {
    return answer(context, started.error());
  }
  return finish(context, std::move(outcome));
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
