#include "apply/transaction.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "apply/effects.h"
#include "apply/journal.h"
#include "base/format.h"
#include "base/text.h"
#include "host/signals_wait.h"

namespace cleave {
namespace {

constexpr std::size_t kJournalLimit = std::size_t{64} << 20U;
// Only root looks into what files held before.
constexpr std::uint32_t kDirectoryMode = 0700;
constexpr std::uint32_t kJournalMode = 0600;

std::string copy_path(const std::string& directory, std::size_t change) {
  return join_path(directory, format("before-{}", change));
}

std::string journal_path(const std::string& directory) { return join_path(directory, "journal"); }

Error interrupted() { return error_of(ErrorCode::Interrupted, {N_("It was interrupted.")}); }

// Whether a reboot takes the effect away by itself.
bool is_volatile(const Change& change) {
  return !change.permanent && (std::holds_alternative<WriteAttribute>(change.effect) ||
                               std::holds_alternative<ChangeOwner>(change.effect) ||
                               std::holds_alternative<BindDriver>(change.effect));
}

// A driver that refuses a write has done nothing. What is there nevertheless is somebody else's: of
// two who make the same vGPU the slower one must not remove it.
bool never_happened(const Effect& effect, const Error& error) {
  return std::holds_alternative<WriteAttribute>(effect) && error.error_number != 0;
}

Result<std::vector<std::size_t>> waiting_changes(const HostReader& host, const Plan& plan) {
  std::vector<std::size_t> waiting;
  for (std::size_t change = 0; change < plan.changes.size(); ++change) {
    if (!TRY(is_done(host, plan.changes[change].effect))) waiting.push_back(change);
  }
  return waiting;
}

}  // namespace

Error needs_root() {
  return error_of(ErrorCode::Denied, {N_("Only root may change this.")},
                  {N_("Run the same command again with sudo: sudo cleave …")});
}

struct Transactions::Stored {
  std::string directory;
  std::string text;  // of the journal's whole lines, if the last one is torn
  Journal journal;
};

Transactions::Transactions(HostWriter& host, std::string state_directory)
    : host_(host), state_directory_(std::move(state_directory)) {}

std::string Transactions::directory_of(std::uint32_t number) const {
  return join_path(state_directory_, format("transactions/{}", number));
}

// Of all directories there are, ascending.
Result<std::vector<std::uint32_t>> Transactions::numbers() const {
  const auto names = host_.list_directory(join_path(state_directory_, "transactions"));
  std::vector<std::uint32_t> found;
  if (!names && names.error().code == ErrorCode::NotFound) return found;
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (const auto number = parse_unsigned<std::uint32_t>(name)) found.push_back(*number);
  }
  std::ranges::sort(found);
  return found;
}

Result<Transactions::Stored> Transactions::load(std::uint32_t number) const {
  Stored stored;
  stored.directory = directory_of(number);
  const std::string path = journal_path(stored.directory);
  const std::string text = TRY(host_.read_file(path, kJournalLimit));
  Result<Journal> journal = parse_journal(text);
  if (!journal) {
    journal.error().path = path;
    return std::move(journal).error();
  }
  stored.journal = std::move(*journal);
  if (stored.journal.torn) stored.text = text.substr(0, text.rfind('\n') + 1);
  return stored;
}

// Those that began; a power cut may leave a directory without a first line.
Result<std::vector<Transactions::Stored>> Transactions::load_all() const {
  std::vector<Stored> all;
  for (const std::uint32_t number : TRY(numbers())) {
    Result<Stored> stored = load(number);
    if (stored) {
      all.push_back(std::move(*stored));
    } else if (stored.error().code != ErrorCode::NotFound) {
      return std::move(stored).error();
    }
  }
  return all;
}

std::string Transactions::boot_id() const {
  const Result<std::string> id = host_.read_file("/proc/sys/kernel/random/boot_id");
  return id ? std::string(trim(*id)) : std::string();
}

// Whether there is still something of this change on the host that could be taken back.
bool Transactions::is_left(const Stored& stored, std::size_t change) const {
  const Journal& journal = stored.journal;
  const Change& made = journal.plan.changes[change];
  if (!is_volatile(made)) return true;
  const std::string boot = boot_id();
  if (!boot.empty() && !journal.boot.empty() && boot != journal.boot) return false;
  return !is_gone(host_, made.effect, journal.intents.at(change));
}

TransactionRecord Transactions::record_of(const Stored& stored) const {
  const Journal& journal = stored.journal;
  TransactionRecord record;
  record.number = journal.number;
  record.time = journal.time;
  record.plan = journal.plan;
  for (const std::size_t change : journal.done) {
    if (!journal.undone.contains(change)) record.done.push_back(change);
  }
  for (const auto& [change, before] : journal.intents) {
    const bool known = std::ranges::find(journal.done, change) != journal.done.end();
    if (!known && !journal.undone.contains(change)) record.started.push_back(change);
  }
  const bool anything_left =
      std::ranges::any_of(record.done, [&](std::size_t change) { return is_left(stored, change); });
  if (journal.end == Journal::End::None) {
    record.state = TransactionRecord::State::Open;
  } else if (journal.end == Journal::End::Applied && anything_left) {
    record.state = TransactionRecord::State::Applied;
  } else {
    record.state = TransactionRecord::State::Undone;
  }
  return record;
}

Result<std::unique_ptr<HostWriter::Lock>> Transactions::lock() {
  TRY(host_.create_directories(join_path(state_directory_, "transactions"), kDirectoryMode));
  Result<std::unique_ptr<HostWriter::Lock>> held = host_.lock(join_path(state_directory_, "lock"));
  if (held || held.error().code != ErrorCode::Busy) return held;
  Error busy;
  busy.code = ErrorCode::Busy;
  busy.message = Message(N_("Another cleave is changing this machine right now."));
  busy.remedy = Message(N_("Wait until it is finished, then run the command again."));
  // What it does is the transaction that is open; it may not have got so far yet.
  if (const auto all = load_all()) {
    for (const Stored& stored : *all) {
      if (stored.journal.end == Journal::End::None) {
        busy.context.push_back(stored.journal.plan.purpose);
      }
    }
  }
  return busy;
}

Result<void> Transactions::append(const Stored& stored, const std::string& line) {
  return host_.append_to_file(journal_path(stored.directory), line, kJournalMode);
}

Result<Transactions::Stored> Transactions::begin(const Plan& plan) {
  const std::vector<Stored> all = TRY(load_all());
  for (const Stored& earlier : all) {
    if (earlier.journal.end != Journal::End::None) continue;
    Error error;
    error.code = ErrorCode::Conflict;
    error.message = Message(N_("Transaction {number} was interrupted and is not taken back yet."),
                            {{"number", earlier.journal.number}});
    return error;
  }
  forget_what_boots_took(all);
  const auto used = TRY(numbers());
  Stored stored;
  stored.journal.number = used.empty() ? 1 : used.back() + 1;
  stored.journal.time =
      std::chrono::duration_cast<std::chrono::seconds>(host_.now().time_since_epoch()).count();
  stored.journal.boot = boot_id();
  stored.journal.plan = plan;
  stored.directory = directory_of(stored.journal.number);
  TRY(host_.create_directories(stored.directory, kDirectoryMode));
  TRY(append(stored, begin_line(stored.journal)));
  return stored;
}

// Of vGPUs of earlier boots nothing is left that an undo could take back; without this every start
// of the machine would leave one more journal to be read. The last number is never used again.
void Transactions::forget_what_boots_took(const std::vector<Stored>& all) {
  const std::string boot = boot_id();
  for (const Stored& stored : all) {
    const Journal& journal = stored.journal;
    if (&stored == &all.back()) return;
    const bool of_this_boot = boot.empty() || journal.boot.empty() || journal.boot == boot;
    if (of_this_boot || !std::ranges::all_of(journal.plan.changes, is_volatile)) continue;
    // Best effort: what stays is no more than one file too many.
    if (host_.remove_file(journal_path(stored.directory))) {
      (void)host_.remove_directory(stored.directory);
    }
  }
}

// True if the change was made, false if it was made already.
Result<bool> Transactions::step(Stored& stored, std::size_t change) {
  const Effect& effect = stored.journal.plan.changes[change].effect;
  if (TRY(is_done(host_, effect))) return false;
  const Before before = TRY(observe(host_, effect));
  if (needs_copy(effect, before)) {
    TRY(host_.copy_file(before.path, copy_path(stored.directory, change)));
  }
  TRY(append(stored, intent_line(change, before)));
  stored.journal.intents[change] = before;
  if (Result<void> performed = perform(host_, effect, before); !performed) {
    if (never_happened(effect, performed.error())) {
      TRY(append(stored, undone_line(change)));
      stored.journal.undone.insert(change);
    }
    return std::move(performed).error();
  }
  std::string outcome = outcome_of(host_, effect, before);
  TRY(append(stored, done_line(change, outcome)));
  stored.journal.outcomes[change] = std::move(outcome);
  stored.journal.done.push_back(change);
  return true;
}

// Takes away what a power cut left of a last line.
Result<void> Transactions::mend(const Stored& stored) {
  if (!stored.journal.torn) return {};
  return host_.replace_file(journal_path(stored.directory), stored.text, kJournalMode);
}

// Of a transaction that was applied. What cannot be taken back leaves it applied: who undoes it
// again goes on from there.
Result<std::vector<Message>> Transactions::undo_applied(const Stored& stored) {
  Result<std::vector<Message>> back = take_back(stored);
  if (!back) (void)append(stored, end_line(Journal::End::Applied));
  return back;
}

Result<std::vector<Message>> Transactions::take_back(const Stored& stored) {
  const Journal& journal = stored.journal;
  std::vector<Message> notes;
  std::vector<Error> failures;
  for (const auto& [change, before] : std::views::reverse(journal.intents)) {
    if (journal.undone.contains(change)) continue;
    if (is_left(stored, change)) {
      const auto outcome = journal.outcomes.find(change);
      Result<Notes> back = cleave::take_back(
          host_, journal.plan.changes[change].effect, before, copy_path(stored.directory, change),
          outcome == journal.outcomes.end() ? std::string() : outcome->second);
      if (!back) {
        failures.push_back(std::move(back).error());
        continue;
      }
      notes.insert(notes.end(), back->begin(), back->end());
    }
    // Best effort: taking back twice does no harm, and the rest matters more than the note.
    (void)append(stored, undone_line(change));
  }
  if (failures.empty()) {
    TRY(append(stored, end_line(Journal::End::Undone)));
    return notes;
  }
  Error error = std::move(failures.front());
  for (Error& other : failures | std::views::drop(1)) {
    error.context.push_back(std::move(other.message));
  }
  return error;
}

// The error of an apply() that failed, with what became of the changes before.
Error Transactions::roll_back(const Stored& stored, Error cause) {
  const Result<std::vector<Message>> back = take_back(stored);
  if (stored.journal.intents.empty()) {
    cause.context.emplace_back(N_("Nothing was changed."));
  } else if (back) {
    cause.context.emplace_back(N_("Everything that had been changed before was put back."));
  } else {
    cause.context.emplace_back(
        N_("Not everything that had been changed could be put back (transaction {number}):"),
        std::vector<Field>{{"number", stored.journal.number}});
    cause.context.push_back(back.error().message);
    cause.context.insert(cause.context.end(), back.error().context.begin(),
                         back.error().context.end());
    if (cause.remedy.empty()) cause.remedy = back.error().remedy;
  }
  return cause;
}

Result<ApplyReport> Transactions::apply(const Plan& plan) {
  if (std::vector<Message> found = conflicts(plan); !found.empty()) {
    Error error;
    error.code = ErrorCode::Conflict;
    error.message = std::move(found.front());
    return error;
  }
  ApplyReport report;
  const std::vector<std::size_t> waiting = TRY(waiting_changes(host_, plan));
  if (waiting.empty()) {
    for (std::size_t change = 0; change < plan.changes.size(); ++change) {
      report.skipped.push_back(change);
    }
    return report;
  }
  const bool root_needed = std::ranges::any_of(
      waiting, [&](std::size_t change) { return plan.changes[change].needs_root; });
  if (root_needed && host_.user_id() != 0) return needs_root();

  // Ctrl-C waits for a step's end, and then everything is taken back.
  const SignalsKept signals;
  const auto held = TRY(lock());
  Stored stored = TRY(begin(plan));
  report.transaction = stored.journal.number;
  for (std::size_t change = 0; change < plan.changes.size(); ++change) {
    if (host_.is_interrupted()) return roll_back(stored, interrupted());
    Result<bool> made = step(stored, change).context(plan.changes[change].summary);
    // Ctrl-C on a terminal ends the command that a step has run, too.
    if (!made && host_.is_interrupted()) return roll_back(stored, interrupted());
    if (!made) return roll_back(stored, std::move(made).error());
    if (!*made) report.skipped.push_back(change);
  }
  Result<void> ended = append(stored, end_line(Journal::End::Applied));
  if (!ended) return roll_back(stored, std::move(ended).error());
  return report;
}

Result<std::vector<Message>> Transactions::undo(std::uint32_t number) {
  Result<Stored> found = load(number);
  if (!found && found.error().code == ErrorCode::NotFound) {
    Error error;
    error.code = ErrorCode::NotFound;
    error.message = Message(N_("There is no transaction {number}."), {{"number", number}});
    return error;
  }
  if (!found) return std::move(found).error();
  if (found->journal.end == Journal::End::Undone) return std::vector<Message>();
  if (found->journal.plan.needs_root() && host_.user_id() != 0) return needs_root();
  const SignalsKept signals;
  const auto held = TRY(lock());
  // Again: another cleave may have undone it before this one had the lock.
  const Stored stored = TRY(load(number));
  if (stored.journal.end == Journal::End::Undone) return std::vector<Message>();
  TRY(mend(stored));
  if (stored.journal.end == Journal::End::None && !stored.journal.undoing) {
    return take_back(stored).context(stored.journal.plan.purpose);
  }
  TRY(append(stored, undoing_line()));
  return undo_applied(stored).context(stored.journal.plan.purpose);
}

Result<std::vector<std::uint32_t>> Transactions::recover() {
  std::vector<std::uint32_t> finished;
  const auto is_open = [](const Stored& stored) {
    return stored.journal.end == Journal::End::None;
  };
  if (std::ranges::none_of(TRY(load_all()), is_open)) return finished;
  const SignalsKept signals;
  // Open may also mean: another cleave is at it. Then it has the lock.
  const auto held = TRY(lock());
  const std::vector<Stored> all = TRY(load_all());
  for (const Stored& stored : all | std::views::reverse | std::views::filter(is_open)) {
    TRY(mend(stored));
    TRY((stored.journal.undoing ? undo_applied(stored) : take_back(stored))
            .context(stored.journal.plan.purpose));
    finished.push_back(stored.journal.number);
  }
  std::ranges::reverse(finished);
  return finished;
}

Result<std::vector<TransactionRecord>> Transactions::list() const {
  std::vector<TransactionRecord> records;
  for (const Stored& stored : TRY(load_all())) records.push_back(record_of(stored));
  return records;
}

}  // namespace cleave
