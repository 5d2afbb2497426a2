#include "cli/commands/setup_flow.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "app/installation.h"
#include "app/trial.h"
#include "app/vgpu.h"
#include "base/text.h"
#include "cli/commands/vgpu_common.h"
#include "cli/render/setup_text.h"
#include "cli/render/translate.h"
#include "host/program.h"

namespace cleave {
namespace {

void say_lines(const CommandContext& context, const std::vector<std::string>& all) {
  for (const std::string& line : all) context.say_text(line);
}

Json json_of(const PreparedSetup& setup, const char* state, bool dry_run) {
  Json waiting = Json::array();
  for (const std::string& word : setup.waiting) waiting.push_back(word);
  return Json::object({{"schema", "cleave.setup/1"},
                       {"dry_run", dry_run},
                       {"state", state},
                       {"way", setup.way},
                       {"mode", setup.mode->id},
                       {"gpu", to_text(setup.gpu)},
                       {"loader", setup.loader.name},
                       {"writer", writer_name(setup.loader.writer)},
                       {"waiting", std::move(waiting)},
                       {"plan", to_json(setup.plan)}});
}

// Asked on a terminal only; a script has decided by calling.
bool is_agreed(CommandContext& context) {
  const bool person = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  if (context.arguments().has("--yes") || context.wants_json() || !person) return true;
  std::fputs(translate({N_("Do it? [y/N] ")}).c_str(), stdout);
  std::fflush(stdout);
  int first = std::getchar();
  for (int letter = first; letter != '\n' && letter != EOF;) letter = std::getchar();
  if (first == 'y' || first == 'Y') return true;
  context.say({N_("Nothing was changed.")});
  return false;
}

Result<ExitStatus> nothing_to_do(const CommandContext& context, const PreparedSetup& setup,
                                 bool dry_run) {
  for (const Message& remark : setup.preparation.remarks) context.say(remark);
  if (setup.waiting.empty()) {
    context.print_json(json_of(setup, "in-place", dry_run));
    context.say({N_("{gpu} is set up for {way} already; nothing was changed."),
                 {{"gpu", setup.gpu_name}, {"way", setup.way}}});
    return ExitStatus::Done;
  }
  context.print_json(json_of(setup, "waiting", dry_run));
  context.say({N_("{gpu} is set up for {way} already; a restart is needed before it counts."),
               {{"gpu", setup.gpu_name}, {"way", setup.way}}});
  return ExitStatus::NeedsReboot;
}

Result<ExitStatus> make_permanent(CommandContext& context, HostWriter& host,
                                  Transactions& transactions, const PreparedSetup& setup) {
  TRY(refuse_beside_package_manager(host));
  const ApplyReport report = TRY(transactions.apply(setup.plan));
  Json json = json_of(setup, "applied", false);
  json.set("trial", nullptr);
  json.set("transaction", report.transaction);
  context.print_json(json);
  context.say({N_("Done (transaction {number}); “cleave setup --undo” takes it back."),
               {{"number", report.transaction}}});
  if (!setup.plan.needs_reboot()) return ExitStatus::Done;
  context.say({N_("Restart, so that it counts.")});
  return ExitStatus::NeedsReboot;
}

Result<std::string> random_digits() {
  const std::string uuid = TRY(random_uuid());
  return uuid.substr(0, 8);
}

Json json_of(const PreparedTrial& trial) {
  return Json::object(
      {{"once", trial.trial.once}, {"title", trial.title}, {"plan", to_json(trial.plan)}});
}

void say_next_steps(const CommandContext& context, const PreparedTrial& trial) {
  if (!trial.trial.once) {
    context.say(trial.why_not_once);
    context.say({N_("So restart and choose “{title}” in the boot menu (hold Shift or press Esc if "
                    "none is shown)."),
                 {{"title", trial.title}}});
  } else {
    context.say(
        {N_("Restart to try it. If it works it is made permanent; if not, or if the "
            "machine hangs, switch it off and on: it starts as before.")});
  }
  context.say({N_("“cleave setup --status” tells where it stands.")});
}

Result<ExitStatus> try_once(CommandContext& context, HostWriter& host, Transactions& transactions,
                            const PreparedSetup& setup, const PreparedTrial& trial) {
  TRY(refuse_beside_package_manager(host));
  const ApplyReport report = TRY(transactions.apply(trial.plan));
  Json json = json_of(setup, "trial", false);
  json.set("trial", json_of(trial));
  json.set("transaction", report.transaction);
  context.print_json(json);
  say_next_steps(context, trial);
  return ExitStatus::NeedsReboot;
}

struct Prepared {
  PreparedSetup setup;
  std::optional<PreparedTrial> trial;  // empty: it is made permanent at once
  std::optional<Error> no_trial;       // a trial is wanted, and cannot be had
};

Result<Prepared> prepare(const HostReader& host, Facts facts, const SetupWish& wish,
                         const std::string& program) {
  Prepared prepared{.setup = TRY(prepare_setup(
                        host, std::move(facts),
                        {.way = wish.scope.way, .gpu = wish.scope.gpu, .program = program})),
                    .trial = std::nullopt,
                    .no_trial = std::nullopt};
  if (wish.no_trial || !prepared.setup.plan.needs_reboot()) return prepared;
  const std::string random = TRY(random_digits());
  Result<PreparedTrial> trial =
      prepare_trial(host, prepared.setup, kStateDirectory, program, random);
  if (trial) {
    prepared.trial = std::move(*trial);
  } else {
    prepared.no_trial = std::move(trial).error();
  }
  return prepared;
}

void show(const CommandContext& context, const Prepared& prepared) {
  const std::size_t width = terminal_width();
  say_lines(context, setup_lines(prepared.setup, width));
  if (!prepared.trial) return;
  context.say_text("");
  say_lines(context, trial_lines(*prepared.trial, prepared.setup.texts, width));
  if (is_called_from_afar(*prepared.setup.facts)) {
    context.say(
        {N_("You are connected over the network: should that start hang, somebody has to switch "
            "the machine off and on.")});
  }
}

Result<ExitStatus> show_only(const CommandContext& context, const Prepared& prepared) {
  if (prepared.setup.plan.empty()) return nothing_to_do(context, prepared.setup, true);
  show(context, prepared);
  if (prepared.no_trial) return *prepared.no_trial;
  Json json = json_of(prepared.setup, "planned", true);
  json.set("trial", prepared.trial ? json_of(*prepared.trial) : Json());
  context.print_json(json);
  return ExitStatus::Done;
}

}  // namespace

Json status_json(const SetupStatus& status) {
  Json applied = Json::array();
  for (const SetupTransaction& each : status.applied) {
    Json states = Json::array();
    for (const ChangeState state : each.states) states.push_back(change_state_name(state));
    applied.push_back(Json::object({{"transaction", each.record.number},
                                    {"kind", each.record.plan.kind},
                                    {"time", each.record.time},
                                    {"plan", to_json(each.record.plan)},
                                    {"states", std::move(states)}}));
  }
  Json open = Json::array();
  for (const std::uint32_t number : status.open) open.push_back(number);
  Json waiting = Json::array();
  for (const std::string& word : status.waiting) waiting.push_back(word);
  return Json::object({{"schema", "cleave.setup-status/1"},
                       {"applied", std::move(applied)},
                       {"open", std::move(open)},
                       {"waiting", std::move(waiting)}});
}

namespace {

Message trial_state(const HostReader& host, const Trial& trial) {
  const std::string given = host.read_file("/proc/cmdline").value_or("");
  const auto all = words(given);
  if (std::ranges::find(all, trial.marker) != all.end()) {
    return {N_("This start tries {way}; whether it worked is told within a few minutes."),
            {{"way", trial.way}}};
  }
  if (trial.once) return {N_("A trial of {way} waits for the next start."), {{"way", trial.way}}};
  return {N_("A trial of {way} waits until “{title}” is chosen in the boot menu."),
          {{"way", trial.way}, {"title", kTrialTitle}}};
}

}  // namespace

Result<ExitStatus> show_setup_status(CommandContext& context, HostWriter& host) {
  const Transactions transactions(host);
  const SetupStatus status = TRY(setup_status(host, transactions));
  const std::size_t width = terminal_width();
  say_lines(context, status_lines(status, width));
  if (status.applied.empty() && status.open.empty()) {
    context.say({N_("Nothing is set up by cleave on this machine.")});
  }
  const Result<Trial> trial = current_trial(host, kStateDirectory);
  if (trial) context.say(trial_state(host, *trial));
  const Result<TrialReport> last = last_trial(host, kStateDirectory);
  if (last) say_lines(context, trial_report_lines(*last, width));
  Json json = status_json(status);
  json.set("trial", trial ? to_json(*trial) : Json());
  json.set("last_trial", last ? to_json(*last) : Json());
  context.print_json(json);
  return status.waiting.empty() && !trial ? ExitStatus::Done : ExitStatus::NeedsReboot;
}

Result<ExitStatus> show_setup(const CommandContext& context, const HostReader& host, Facts facts,
                              const SetupWish& wish) {
  const std::string program = TRY(own_program());
  return show_only(context, TRY(prepare(host, std::move(facts), wish, program)));
}

Result<ExitStatus> set_up(CommandContext& context, HostWriter& host, Facts facts,
                          const SetupWish& wish) {
  Transactions transactions(host);
  std::string program = TRY(own_program());
  if (host.user_id() == 0) program = TRY(program_for_root(host, program, kStateDirectory));
  const Prepared prepared = TRY(prepare(host, std::move(facts), wish, program));
  if (host.user_id() == 0) {
    const SetupStatus status = TRY(setup_status(host, transactions));
    TRY(refuse_beside_other_way(status, prepared.setup));
  }
  if (prepared.setup.plan.empty()) return nothing_to_do(context, prepared.setup, false);
  show(context, prepared);
  if (host.user_id() != 0) return needs_root();
  if (prepared.no_trial) return *prepared.no_trial;
  if (!is_agreed(context)) return ExitStatus::NotReady;
  if (!prepared.trial) return make_permanent(context, host, transactions, prepared.setup);
  return try_once(context, host, transactions, prepared.setup, *prepared.trial);
}

Result<bool> trial_waits(CommandContext& context, HostWriter& host) {
  if (host.user_id() != 0) return false;
  Transactions transactions(host);
  TRY(recover_first(context, transactions));
  const SetupStatus status = TRY(setup_status(host, transactions));
  return std::ranges::any_of(status.applied, [](const SetupTransaction& each) {
    return each.record.plan.kind == kTrialPlan;
  });
}

}  // namespace cleave
