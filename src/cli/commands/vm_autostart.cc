// cleave vm autostart: shows the units that start a VM, and writes or removes them.
#include "app/vm_autostart.h"

#include "app/installation.h"
#include "apply/transaction.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "host/program.h"

namespace cleave {
namespace {

Json json_of(const PreparedAutostart& prepared, bool dry_run) {
  return Json::object({{"schema", "cleave.vm-autostart/1"},
                       {"name", prepared.name},
                       {"when", autostart_name(prepared.when)},
                       {"of_system", prepared.of_system},
                       {"dry_run", dry_run},
                       {"plan", to_json(prepared.plan)}});
}

Result<void> carry_out(CommandContext& context, HostWriter& host,
                       const PreparedAutostart& prepared) {
  if (!prepared.of_system) return write_user_units(host, prepared);
  Transactions transactions(host);
  TRY(recover_first(context, transactions));
  TRY(transactions.apply(prepared.plan));
  return {};
}

void tell(const CommandContext& context, const PreparedAutostart& prepared) {
  const std::vector<Field> name = {{"name", prepared.name}};
  switch (prepared.when) {
    case Autostart::No:
      context.say({N_("The VM {name} is started by nobody but you."), name});
      break;
    case Autostart::Login:
      context.say({N_("The VM {name} is started at your next login."), name});
      break;
    case Autostart::Boot:
      context.say({N_("The VM {name} is started when this machine is."), name});
      break;
  }
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const auto word = context.arguments().get("WHEN");
  const auto when = word ? autostart_of(*word) : std::nullopt;
  if (word && !when) {
    return answer(context,
                  error_of(ErrorCode::Malformed, {N_("“{word}” is none of no, login and boot"),
                                                  {{"word", printable(*word)}}}));
  }
  std::string program = TRY(own_program());
  const bool dry_run = context.arguments().has("--dry-run");
  if (host->user_id() == 0 && !dry_run) {
    program = TRY(program_for_root(*host, program, kStateDirectory));
  }
  const Result<PreparedAutostart> prepared =
      prepare_autostart(*host, environment, vm_argument(context), when, program);
  if (!prepared) return answer(context, prepared.error());
  if (!prepared->plan.empty()) {
    show_plan(context, prepared->plan);
    if (!dry_run) TRY(carry_out(context, *host, *prepared));
  }
  context.print_json(json_of(*prepared, dry_run));
  if (!dry_run) tell(context, *prepared);
  return ExitStatus::Done;
}

}  // namespace

const Command kVmAutostartCommand = {
    .name = "vm autostart",
    .summary = N_("Start a VM at your login or with the machine"),
    .options = {{"--dry-run", nullptr, N_("Show what would be done and stop")}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"WHEN", N_("no, login or boot; without it what the definition says"), false}},
    .run = run,
};

}  // namespace cleave
