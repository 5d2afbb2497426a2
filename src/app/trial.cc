// Preparing a trial: its entry in the boot menu, its state, and the units that end it.
#include "app/trial.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "app/units.h"
#include "base/format.h"
#include "base/text.h"
#include "plan/early_binding.h"
#include "ways/way.h"

namespace cleave {
namespace {

// The unit that looks, in the start that is tried; and the one that takes it back, in any other.
constexpr const char* kLookUnit = "cleave-trial.service";
constexpr const char* kOverUnit = "cleave-trial-over.service";
constexpr const char* kWantedBy = "multi-user.target.d/90-cleave.conf";
// A kernel that panics restarts by itself, into the entry that is always there.
constexpr const char* kPanic = "panic=30";

std::string look_unit(const std::string& program) {
  return format(
      "# Written by `cleave setup`, taken away when the trial is over.\n"
      "[Unit]\n"
      "Description=Look whether what cleave tries at this start works\n"
      "ConditionKernelCommandLine=cleave.trial\n"
      "After=multi-user.target graphical.target\n"
      "\n"
      "[Service]\n"
      "Type=oneshot\n"
      "ExecStart={} trial\n"
      "TimeoutStartSec=15min\n",
      program);
}

// Before anybody can log in, so that the login tells what became of it; they wait no longer than
// three minutes for it.
std::string over_unit(const std::string& program) {
  return format(
      "# Written by `cleave setup`, taken away when the trial is over.\n"
      "[Unit]\n"
      "Description=Take back what cleave tried without success\n"
      "ConditionKernelCommandLine=!cleave.trial\n"
      "After=local-fs.target\n"
      "Before=systemd-user-sessions.service\n"
      "\n"
      "[Service]\n"
      "Type=oneshot\n"
      "ExecStart={} trial\n"
      "TimeoutStartSec=3min\n",
      program);
}

std::string wanting_drop_in() {
  return format(
      "# Written by `cleave setup`, taken away when the trial is over.\n"
      "[Unit]\n"
      "Wants={} {}\n",
      kLookUnit, kOverUnit);
}

std::vector<Change> unit_changes(const std::string& program) {
  const Message summary(N_("Have the next start looked at, and what was tried taken back"));
  const std::string units = kUnitDirectory;
  return {own_file_change("trial.unit", summary, units + kLookUnit, look_unit(program)),
          own_file_change("trial.unit", summary, units + kOverUnit, over_unit(program)),
          own_file_change("trial.unit", summary, units + kWantedBy, wanting_drop_in())};
}

std::vector<std::string> failing_rules(const Facts& facts) {
  std::vector<std::string> ids;
  for (const Finding& finding : run_rules(facts)) {
    if (finding.outcome.kind == OutcomeKind::Fail) ids.emplace_back(finding.rule->id);
  }
  return ids;
}

std::string boot_of(const HostReader& host) {
  const Result<std::string> id = host.read_file("/proc/sys/kernel/random/boot_id");
  return id ? std::string(trim(*id)) : std::string();
}

std::vector<std::string> words_for(const PreparedSetup& setup, const std::string& marker) {
  std::vector<std::string> words = words_of(setup.preparation.arguments);
  for (std::string& word : trial_words(setup.preparation.lines)) words.push_back(std::move(word));
  const KernelCommandLine* line = setup.facts->kernel.command_line.value();
  if (line != nullptr && !line->last_value("panic")) words.emplace_back(kPanic);
  words.push_back(marker);
  return words;
}

Trial trial_of(const HostReader& host, const PreparedSetup& setup, const std::string& random) {
  Trial trial;
  trial.way = setup.way;
  trial.mode = setup.mode->id;
  trial.gpu = to_text(setup.gpu);
  trial.marker = "cleave.trial=" + random;
  trial.words = words_for(setup, trial.marker);
  for (const HostLine& line : setup.preparation.lines) {
    if (line.file == HostFile::ModulesLoad) trial.modules.push_back(line.line);
  }
  trial.entry = setup.facts->boot.entry_selected.value_or("");
  trial.boot = boot_of(host);
  trial.failing = failing_rules(*setup.facts);
  trial.graphical = has_graphical_session(*setup.facts);
  return trial;
}

}  // namespace

bool has_graphical_session(const Facts& facts) {
  const auto sessions = facts.session.sessions.value_or({});
  return std::ranges::any_of(sessions, [](const LoginSession& session) {
    return session.is_graphical() && !session.remote && !session.seat.empty();
  });
}

bool is_called_from_afar(const Facts& facts) {
  const std::string own = facts.session.own.value_or("");
  const auto sessions = facts.session.sessions.value_or({});
  return std::ranges::any_of(sessions, [&own](const LoginSession& session) {
    return session.id == own && session.remote;
  });
}

Result<PreparedTrial> prepare_trial(const HostReader& host, const PreparedSetup& setup,
                                    const std::string& state_directory, const std::string& program,
                                    const std::string& random) {
  PreparedTrial prepared;
  prepared.trial = trial_of(host, setup, random);
  prepared.trial.program = program;
  const ArgumentsRequest request{.facts = *setup.facts,
                                 .loader = setup.loader,
                                 .words = prepared.trial.words,
                                 .texts = setup.texts};
  if (!is_started_by_systemd(host)) {
    return unsupported_trial(
        {N_("This system is not started by systemd, whose units would end the "
            "trial.")});
  }
  if (changes_initramfs(setup.plan.changes)) {
    return unsupported_trial(
        {N_("The initramfs is built anew, with which every entry of the boot menu starts: no "
            "entry would be left as it is now, so no start can be tried.")});
  }
  const Loader* row = find_loader(setup.loader.writer);
  if (row == nullptr || row->try_arguments == nullptr) return no_trial(request);
  TrialEntry entry = TRY(row->try_arguments(request));
  prepared.trial.once = entry.once;
  prepared.why_not_once = std::move(entry.why_not_once);
  prepared.title = std::move(entry.title);

  prepared.plan.kind = kTrialPlan;
  prepared.plan.purpose = {N_("Try {way} on {gpu} for one start"),
                           {{"way", setup.way}, {"gpu", setup.gpu_name}}};
  prepared.plan.changes.push_back(
      own_file_change("trial.state", {N_("Remember what is tried, and how the machine is now")},
                      join_path(state_directory, kTrialFile), to_text(to_json(prepared.trial))));
  for (Change& change : unit_changes(TRY(unit_program(program)))) {
    prepared.plan.changes.push_back(std::move(change));
  }
  for (Change& change : entry.changes) prepared.plan.changes.push_back(std::move(change));
  return prepared;
}

}  // namespace cleave
