#include "cli/commands/vgpu_functions.h"

#include <utility>

#include "app/functions.h"
#include "app/installation.h"
#include "base/text.h"
#include "cli/render/translate.h"
#include "host/program.h"

namespace cleave {
namespace {

Json definition_json(const FunctionDefinition& definition) {
  Json attributes = Json::array();
  for (const auto& [name, value] : definition.attributes) {
    attributes.push_back(Json::array({name, value}));
  }
  return Json::object({{"device", to_text(definition.device)},
                       {"functions", definition.count},
                       {"start", definition.starts_by_itself ? "auto" : "manual"},
                       {"attributes", std::move(attributes)}});
}

void print(const CommandContext& context, const char* schema, Json about, const Plan& plan,
           std::optional<std::uint32_t> transaction) {
  Json json = Json::object({{"schema", schema}, {"dry_run", !transaction.has_value()}});
  for (const auto& [name, value] : *about.as_object()) json.set(name, value);
  json.set("transaction", transaction ? Json(*transaction) : Json());
  json.set("plan", to_json(plan));
  context.print_json(json);
}

// Empty: the command is not about virtual functions. --functions says that it is.
std::optional<std::string> device_of(const FunctionsView& view, const Arguments& arguments,
                                     const char* argument) {
  const auto name = arguments.get(argument);
  if (!name) return std::nullopt;
  if (has_functions(view, *name) || (parse_pci_address(*name) && arguments.has("--functions"))) {
    return name;
  }
  return std::nullopt;
}

Result<std::uint32_t> count_of(const Arguments& arguments, std::uint32_t otherwise) {
  const auto text = arguments.get("--functions");
  if (!text) return otherwise;
  const auto count = parse_unsigned<std::uint32_t>(*text);
  if (count && *count > 0) return *count;
  return error_of(ErrorCode::Malformed, {N_("--functions takes a number from 1 on, not “{text}”"),
                                         {{"text", printable(*text)}}});
}

// NAME=VALUE, in order.
Result<void> add_attributes(const Arguments& arguments, FunctionDefinition& definition) {
  for (const std::string& text : arguments.all("--attribute")) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (equals == std::string::npos || equals + 1 == text.size() || !is_function_attribute(name)) {
      return error_of(ErrorCode::Malformed,
                      {N_("“{text}” is no attribute that a driver has for its virtual functions."),
                       {{"text", printable(text)}}},
                      {N_("Write it as NAME=VALUE below the device's directory: "
                          "sriov_admin/vf1/profile/exec_quantum_ms=20")});
    }
    definition.attributes.emplace_back(name, text.substr(equals + 1));
  }
  return {};
}

// As it is defined, and as the arguments have it.
Result<FunctionDefinition> wanted_of(const FunctionsView& view, const Arguments& arguments,
                                     const std::string& device) {
  FunctionDefinition wanted;
  const PciAddress address = parse_pci_address(device).value_or(PciAddress());
  if (const FunctionDefinition* known = definition_of(view, address)) wanted = *known;
  wanted.device = address;
  wanted.count = TRY(count_of(arguments, wanted.count == 0 ? 1 : wanted.count));
  if (!arguments.all("--attribute").empty()) wanted.attributes.clear();
  TRY(add_attributes(arguments, wanted));
  return wanted;
}

void say_made(const CommandContext& context, const FunctionDefinition& wanted, bool changed) {
  const std::vector<Field> fields{{"device", to_text(wanted.device)}, {"count", wanted.count}};
  context.say(changed
                  ? Message(N_("{device} has {count} virtual functions, ready for VMs."), fields)
                  : Message(N_("{device} had {count} virtual functions already."), fields));
}

Result<ExitStatus> make(const CommandContext& context, ChangeableHost& change,
                        const FunctionsView& view, const FunctionDefinition& wanted,
                        const char* schema) {
  const Result<PreparedFunctions> prepared = prepare_functions(view, wanted);
  if (!prepared) return answer(context, prepared.error());
  show_plan(context, prepared->plan);
  if (change.dry_run) {
    print(context, schema, definition_json(wanted), prepared->plan, std::nullopt);
    return ExitStatus::Done;
  }
  const Result<ApplyReport> report = make_functions_of(change.transactions, *prepared);
  if (!report) return answer(context, report.error());
  print(context, schema, definition_json(wanted), prepared->plan, report->transaction);
  say_made(context, wanted, !prepared->plan.empty());
  return ExitStatus::Done;
}

Result<ExitStatus> create(const CommandContext& context, ChangeableHost& change,
                          const FunctionsView& view, const std::string& device) {
  Result<FunctionDefinition> wanted = wanted_of(view, context.arguments(), device);
  if (!wanted) return answer(context, wanted.error());
  return make(context, change, view, *wanted, "cleave.vgpu-create/1");
}

Result<ExitStatus> define(const CommandContext& context, ChangeableHost& change,
                          const FunctionsView& view, const std::string& device) {
  Result<FunctionDefinition> wanted = wanted_of(view, context.arguments(), device);
  if (!wanted) return answer(context, wanted.error());
  if (context.arguments().has("--auto")) wanted->starts_by_itself = true;
  if (context.arguments().has("--manual")) wanted->starts_by_itself = false;
  std::string program = TRY(own_program());
  if (!change.dry_run && change.host->user_id() == 0) {
    program = TRY(program_for_root(*change.host, program, kStateDirectory));
  }
  const auto prepared = prepare_functions_definition(*change.host, view, *wanted, program);
  if (!prepared) return answer(context, prepared.error());
  show_plan(context, prepared->plan);
  std::optional<std::uint32_t> transaction;
  if (!change.dry_run) transaction = TRY(change.transactions.apply(prepared->plan)).transaction;
  print(context, "cleave.vgpu-define/1", definition_json(*wanted), prepared->plan, transaction);
  if (change.dry_run) return ExitStatus::Done;
  context.say({N_("Virtual functions of {device} are defined: {path}"),
               {{"device", to_text(wanted->device)}, {"path", path_of(*wanted)}}});
  context.say(
      {N_("To have them now: cleave vgpu start {device}"), {{"device", to_text(wanted->device)}}});
  return ExitStatus::Done;
}

Result<ExitStatus> undefine(const CommandContext& context, ChangeableHost& change,
                            const FunctionsView& view, const std::string& device) {
  const Result<Plan> plan = prepare_functions_undefinition(*change.host, view, device);
  if (!plan) return answer(context, plan.error());
  show_plan(context, *plan);
  std::optional<std::uint32_t> transaction;
  if (!change.dry_run) transaction = TRY(change.transactions.apply(*plan)).transaction;
  print(context, "cleave.vgpu-undefine/1", Json::object({{"device", device}}), *plan, transaction);
  return ExitStatus::Done;
}

Result<ExitStatus> take_away(const CommandContext& context, ChangeableHost& change,
                             const FunctionsView& view, const std::string& device) {
  const auto prepared = prepare_functions_removal(view, change.transactions, device);
  if (!prepared) return answer(context, prepared.error());
  if (prepared->made_by) {
    show_undo(context, *prepared->made_by);
  } else {
    show_plan(context, prepared->plan);
  }
  std::optional<std::uint32_t> transaction;
  if (!change.dry_run) transaction = TRY(remove_functions_of(change.transactions, *prepared));
  const std::string address = to_text(prepared->device);
  print(context, "cleave.vgpu-remove/1", Json::object({{"device", address}}), prepared->plan,
        transaction);
  if (!change.dry_run) {
    context.say({N_("The virtual functions of {device} are gone."), {{"device", address}}});
  }
  return ExitStatus::Done;
}

// Calls `act` where the argument names a device with virtual functions.
template <typename Act>
FunctionsAnswer where_functions(const CommandContext& context, ChangeableHost& change,
                                const char* argument, Act act) {
  if (!parse_pci_address(context.arguments().get(argument).value_or(""))) {
    if (!context.arguments().has("--functions")) return std::nullopt;
    return answer(context, error_of(ErrorCode::Malformed,
                                    {N_("--functions is about a device with SR-IOV: name it with "
                                        "--parent ADDRESS.")},
                                    {N_("“cleave devices” lists them.")}));
  }
  const Result<FunctionsView> view = view_functions(*change.host);
  if (!view) return answer(context, view.error());
  const auto device = device_of(*view, context.arguments(), argument);
  if (!device) return std::nullopt;
  for (const Error& problem : view->problems) warn_of(context, problem);
  return act(*view, *device);
}

}  // namespace

FunctionsAnswer create_functions(const CommandContext& context, ChangeableHost& change) {
  return where_functions(context, change, "--parent", [&](const auto& view, const auto& device) {
    return create(context, change, view, device);
  });
}

FunctionsAnswer define_functions(const CommandContext& context, ChangeableHost& change) {
  return where_functions(context, change, "--parent", [&](const auto& view, const auto& device) {
    return define(context, change, view, device);
  });
}

FunctionsAnswer undefine_functions(const CommandContext& context, ChangeableHost& change) {
  return where_functions(context, change, "UUID", [&](const auto& view, const auto& device) {
    return undefine(context, change, view, device);
  });
}

FunctionsAnswer take_functions_away(const CommandContext& context, ChangeableHost& change,
                                    bool only_defined) {
  return where_functions(
      context, change, "UUID", [&](const auto& view, const auto& device) -> Result<ExitStatus> {
        // Refused as by undefine, where nothing is defined.
        if (only_defined) {
          const auto plan = prepare_functions_undefinition(*change.host, view, device);
          if (!plan) return answer(context, plan.error());
        }
        return take_away(context, change, view, device);
      });
}

FunctionsAnswer start_functions(const CommandContext& context, ChangeableHost& change) {
  return where_functions(
      context, change, "UUID", [&](const auto& view, const auto& device) -> Result<ExitStatus> {
        const auto plan = prepare_functions_undefinition(*change.host, view, device);
        if (!plan) return answer(context, plan.error());
        const PciAddress address = parse_pci_address(device).value_or(PciAddress());
        return make(context, change, view, *definition_of(view, address), "cleave.vgpu-start/1");
      });
}

Result<bool> start_all_functions(const CommandContext& context, ChangeableHost& change,
                                 Json& json) {
  const auto parent = context.arguments().get("--parent");
  const auto only = parse_pci_address(parent.value_or(""));
  if (parent && !only) return true;
  // Who has nothing defined here pays nothing for it.
  if (!change.host->exists(kFunctionDefinitions)) return true;
  const FunctionsView view = TRY(view_functions(*change.host));
  for (const Error& problem : view.problems) warn_of(context, problem);
  bool all = view.problems.empty();
  for (const FunctionDefinition& wanted : view.definitions) {
    if (!wanted.starts_by_itself || (only && wanted.device != *only)) continue;
    const Result<PreparedFunctions> prepared = prepare_functions(view, wanted);
    if (prepared) show_plan(context, prepared->plan);
    Json told = definition_json(wanted);
    Result<void> made;
    if (!prepared) {
      made = prepared.error();
    } else if (!change.dry_run) {
      const Result<ApplyReport> report = make_functions_of(change.transactions, *prepared);
      if (!report) made = report.error();
    }
    if (!made) {
      all = false;
      warn_of(context, made.error());
      told.set("reason", english(made.error()));
    } else if (!change.dry_run) {
      say_made(context, wanted, !prepared->plan.empty());
    }
    json.push_back(std::move(told));
  }
  return all;
}

}  // namespace cleave
