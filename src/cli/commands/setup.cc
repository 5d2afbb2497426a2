// cleave setup: gives a way what it wants of this host, after showing it; tries it for one start
// first where the boot loader can; takes it back.
#include <utility>

#include "app/machine.h"
#include "app/qemu.h"
#include "cli/commands/all.h"
#include "cli/commands/scope.h"
#include "cli/commands/setup_flow.h"
#include "cli/commands/vgpu_common.h"
#include "facts/readers/read_facts.h"

namespace cleave {
namespace {

void show_what_is_taken_back(const CommandContext& context, const SetupStatus& status) {
  for (auto each = status.applied.rbegin(); each != status.applied.rend(); ++each) {
    show_undo(context, each->record);
  }
}

Result<ExitStatus> undo(CommandContext& context, HostWriter& host, bool dry_run) {
  Transactions transactions(host);
  if (!dry_run && host.user_id() == 0) TRY(recover_first(context, transactions));
  const SetupStatus status = TRY(setup_status(host, transactions));
  show_what_is_taken_back(context, status);
  Json json = status_json(status);
  json.set("schema", "cleave.setup-undo/1");
  json.set("dry_run", dry_run);
  if (status.applied.empty()) context.say({N_("Nothing is set up by cleave on this machine.")});
  if (dry_run || status.applied.empty()) {
    context.print_json(json);
    return ExitStatus::Done;
  }
  TRY(refuse_beside_package_manager(host));
  const UndoReport report = TRY(undo_setup(transactions));
  Json notes = Json::array();
  for (const Message& note : report.notes) {
    context.say(note);
    notes.push_back(english(note));
  }
  json.set("notes", std::move(notes));
  context.print_json(json);
  context.say(
      {N_("Everything is taken back. What the running kernel was given stays until the "
          "next start.")});
  return ExitStatus::Done;
}

bool contradicts_itself(const Arguments& arguments) {
  const bool acts = arguments.has("--undo") || arguments.has("--status");
  return (arguments.has("--undo") && arguments.has("--status")) ||
         (arguments.has("--trial") && arguments.has("--no-trial")) ||
         (arguments.has("--from") && acts);
}

Result<ExitStatus> begin(CommandContext& context, HostWriter& host) {
  if (TRY(trial_waits(context, host))) return show_setup_status(context, host);
  Facts facts = read_facts(host, fact_places(host));
  const SetupWish wish{.scope = TRY(read_scope(context.arguments(), facts)),
                       .no_trial = context.arguments().has("--no-trial")};
  return set_up(context, host, std::move(facts), wish);
}

Result<ExitStatus> show_only(CommandContext& context, const HostReader& host, Facts facts) {
  const SetupWish wish{.scope = TRY(read_scope(context.arguments(), facts)),
                       .no_trial = context.arguments().has("--no-trial")};
  return show_setup(context, host, std::move(facts), wish);
}

Result<ExitStatus> act(CommandContext& context) {
  if (const auto machine = context.arguments().get("--from")) {
    const auto captured = TRY(open_machine(*machine));
    return show_only(context, *captured, read_facts(*captured));
  }
  HostWriter* host = TRY(changeable_host(context));
  const bool dry_run = context.arguments().has("--dry-run");
  if (context.arguments().has("--undo")) return undo(context, *host, dry_run);
  if (dry_run) return show_only(context, *host, read_facts(*host, fact_places(*host)));
  return begin(context, *host);
}

Result<ExitStatus> run(CommandContext& context) {
  if (contradicts_itself(context.arguments())) {
    context.warn({N_("These options contradict each other.")});
    return ExitStatus::BadUsage;
  }
  if (context.arguments().has("--status")) return show_setup_status(context, *TRY(context.host()));
  Result<ExitStatus> status = act(context);
  if (status) return status;
  if (const auto answer = answered(context, status.error())) return *answer;
  return status;
}

}  // namespace

const Command kSetupCommand = {
    .name = "setup",
    .summary = N_("Set this machine up for sharing its GPU, tried once before it counts"),
    .options = {{"--way", "WAY", N_("the way of sharing: gvt-g, sr-iov, passthrough, virtio-gpu")},
                {"--gpu", "ADDRESS", N_("the GPU; not needed with one")},
                {"--dry-run", nullptr, N_("show what would be done and stop")},
                {"--from", "MACHINE", N_("show it for a captured machine")},
                {"--trial", nullptr, N_("try it for one start first; the default where possible")},
                {"--no-trial", nullptr, N_("make it permanent at once")},
                {"--yes", nullptr, N_("do not ask on the terminal")},
                {"--undo", nullptr, N_("take back everything that set-ups changed")},
                {"--status", nullptr, N_("show what is set up, what waits and what differs")}},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
