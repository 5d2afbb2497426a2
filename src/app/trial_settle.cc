// The end of a trial: what was wanted against what is there.
#include <algorithm>
#include <ranges>
#include <utility>

#include "app/qemu.h"
#include "app/trial.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"

namespace cleave {
namespace {

constexpr std::chrono::seconds kPause(2);

using Records = std::vector<TransactionRecord>;

const TransactionRecord* applied_trial(const Records& records) {
  for (const TransactionRecord& record : records | std::views::reverse) {
    const bool applied = record.state == TransactionRecord::State::Applied;
    if (applied && record.plan.kind == kTrialPlan) return &record;
  }
  return nullptr;
}

// A set-up that followed the trial: it was applied, or it was begun and is taken back.
const TransactionRecord* setup_after(const Records& records, std::uint32_t number) {
  for (const TransactionRecord& record : records | std::views::reverse) {
    if (record.number > number && record.plan.kind == kSetupPlan) return &record;
  }
  return nullptr;
}

// From the journal: the file may have been edited.
Result<Trial> trial_of(const TransactionRecord& record) {
  for (const Change& change : record.plan.changes) {
    const auto* file = std::get_if<WriteFile>(&change.effect);
    if (change.id != "trial.state" || file == nullptr) continue;
    return trial_from_json(TRY(parse_json(file->content)));
  }
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = {N_("Transaction {number} does not say what it tried."),
                   {{"number", record.number}}};
  return error;
}

// --- what is there against what was wanted

std::string module_directory(const std::string& name) {
  return "/sys/module/" + replace_all(name, "-", "_");
}

void add_missing(const HostReader& host, const Facts& facts, const Trial& trial,
                 std::vector<Message>& reasons) {
  const KernelCommandLine* line = facts.kernel.command_line.value();
  for (const std::string& word : words_to_add(line == nullptr ? "" : line->text, trial.words)) {
    reasons.push_back({N_("The kernel was not given {word}."), {{"word", word}}});
  }
  for (const std::string& module : trial.modules) {
    if (host.exists(module_directory(module))) continue;
    reasons.push_back({N_("The module {module} is not loaded."), {{"module", module}}});
  }
  if (trial.graphical && !has_graphical_session(facts)) {
    reasons.push_back(
        {N_("Before, this machine showed a desktop or its login screen; now there is "
            "none.")});
  }
}

bool failed_before(const Trial& trial, const Rule& rule) {
  return std::ranges::find(trial.failing, rule.id) != trial.failing.end();
}

// What decides about the way is not as it was to become: cleave's own part, or something new.
void add_verdict(const Diagnosis& diagnosis, const Trial& trial, std::vector<Message>& reasons) {
  for (const GpuDiagnosis& gpu : diagnosis.gpus) {
    if (to_text(gpu.gpu->address) != trial.gpu) continue;
    for (const WayVerdict& way : gpu.ways) {
      if (way.way != trial.way) continue;
      for (const Finding* finding : way.deciding) {
        const Rule& rule = *finding->rule;
        if (finding->outcome.kind != OutcomeKind::Fail) continue;
        if (rule.fixer != Fixer::Cleave && failed_before(trial, rule)) continue;
        reasons.push_back({rule.why, finding->outcome.arguments});
      }
      return;
    }
  }
  reasons.push_back({N_("The GPU {gpu} is not there any more."), {{"gpu", trial.gpu}}});
}

// Problems that were not there before: the kernel's log above all.
void add_new_problems(const Diagnosis& diagnosis, const Trial& trial,
                      std::vector<Message>& reasons) {
  for (const Finding& finding : diagnosis.findings) {
    const Rule& rule = *finding.rule;
    const bool counts =
        rule.level != RuleLevel::Advice || std::string_view(rule.id).starts_with("log.");
    if (finding.outcome.kind != OutcomeKind::Fail || !counts || failed_before(trial, rule))
      continue;
    Message reason(rule.why, finding.outcome.arguments);
    if (std::ranges::find(reasons, reason) == reasons.end()) reasons.push_back(std::move(reason));
  }
}

struct Look {
  std::vector<Message> reasons;
  std::unique_ptr<Facts> facts;
};

Look look(const HostReader& host, const Trial& trial) {
  Look seen{.reasons = {}, .facts = std::make_unique<Facts>(read_facts(host, fact_places(host)))};
  add_missing(host, *seen.facts, trial, seen.reasons);
  const Diagnosis diagnosis =
      diagnose(*seen.facts, {.way = trial.way, .gpu = parse_pci_address(trial.gpu)});
  add_verdict(diagnosis, trial, seen.reasons);
  add_new_problems(diagnosis, trial, seen.reasons);
  return seen;
}

// Drivers and login screens come up a moment after the units that this one waits for.
Look look_until_good(HostWriter& host, const Trial& trial, std::chrono::seconds patience) {
  const auto end = host.now() + patience;
  while (true) {
    Look seen = look(host, trial);
    if (seen.reasons.empty() || host.now() >= end) return seen;
    host.pause(kPause);
  }
}

Result<void> make_permanent(HostWriter& host, Transactions& transactions, const Trial& trial,
                            Facts facts) {
  const SetupRequest request{
      .way = trial.way, .gpu = parse_pci_address(trial.gpu), .program = trial.program};
  const PreparedSetup setup = TRY(prepare_setup(
      host, std::move(facts), request, TriedStart{.words = trial.words, .entry = trial.entry}));
  (void)TRY(transactions.apply(setup.plan));
  return {};
}

// The result first: should the power go in between, the next start comes to the same one.
Result<TrialReport> end_trial(HostWriter& host, Transactions& transactions,
                              const TransactionRecord& record, const SettleRequest& request,
                              TrialReport report) {
  const std::string path = join_path(request.state_directory, kLastTrialFile);
  TRY(host.replace_file(path, to_text(to_json(report)), 0600));
  (void)TRY(transactions.undo(record.number));
  return report;
}

TrialReport failed(const Trial& trial, std::vector<Message> reasons, bool restart) {
  return {.result = TrialResult::Failed,
          .way = trial.way,
          .reasons = std::move(reasons),
          .restart = restart};
}

std::vector<Message> reasons_of(const Error& error) {
  std::vector<Message> reasons = {error.message};
  reasons.insert(reasons.end(), error.context.begin(), error.context.end());
  return reasons;
}

TrialReport try_it(HostWriter& host, Transactions& transactions, const Trial& trial,
                   std::chrono::seconds patience) {
  Look seen = look_until_good(host, trial, patience);
  if (!seen.reasons.empty()) return failed(trial, std::move(seen.reasons), true);
  const Result<void> made = make_permanent(host, transactions, trial, std::move(*seen.facts));
  if (!made) return failed(trial, reasons_of(made.error()), true);
  return {.result = TrialResult::Confirmed, .way = trial.way, .reasons = {}, .restart = false};
}

Message never_came_up() {
  return {
      N_("The machine did not come up with the changed settings: it hung, was switched off, or "
         "another entry of the boot menu was chosen.")};
}
Message interrupted() {
  return {N_("It had worked, but was interrupted while being made permanent.")};
}

}  // namespace

Result<TrialReport> settle_trial(HostWriter& host, Transactions& transactions,
                                 const SettleRequest& request) {
  (void)TRY(transactions.recover());
  const Records records = TRY(transactions.list());
  const TransactionRecord* record = applied_trial(records);
  if (record == nullptr) return TrialReport();
  const Trial trial = TRY(trial_of(*record));

  const TransactionRecord* later = setup_after(records, record->number);
  if (later != nullptr && later->state == TransactionRecord::State::Applied) {
    TrialReport report{
        .result = TrialResult::Confirmed, .way = trial.way, .reasons = {}, .restart = false};
    return end_trial(host, transactions, *record, request, std::move(report));
  }
  const std::string line = TRY(host.read_file("/proc/cmdline"));
  if (words_to_add(line, {trial.marker}).empty()) {
    TrialReport report = try_it(host, transactions, trial, request.patience);
    return end_trial(host, transactions, *record, request, std::move(report));
  }
  const Result<std::string> boot = host.read_file("/proc/sys/kernel/random/boot_id");
  const bool restarted = boot && trim(*boot) != trial.boot;
  if (!restarted || !trial.once) {
    return TrialReport{
        .result = TrialResult::Waiting, .way = trial.way, .reasons = {}, .restart = false};
  }
  return end_trial(host, transactions, *record, request,
                   failed(trial, {later != nullptr ? interrupted() : never_came_up()}, false));
}

}  // namespace cleave
