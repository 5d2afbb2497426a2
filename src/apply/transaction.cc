#include "apply/transaction.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <optional>
#include <ranges>
#include <system_error>
#include <thread>
#include <utility>

#include "apply/effects.h"
#include "apply/stored_transaction.h"
#include "base/text.h"
#include "host/signals_wait.h"

namespace cleave {
namespace {

constexpr std::size_t kJournalLimit = std::size_t{64} << 20U;
// Only root looks into what files held before.
constexpr std::uint32_t kDirectoryMode = 0700;
// Others than root go through it to what is theirs: the variables of their VMs' firmware.
constexpr std::uint32_t kStateDirectoryMode = 0755;
// Drivers take locks of their own. Measured on two processors: mdpy makes 64 in 328 ms for one
// thread, 175 for two, 176 for four.
constexpr std::size_t kMostThreads = 4;
// Of a lock that another cleave holds for the time of a few writes to sysfs.
constexpr std::chrono::milliseconds kPause(2);

Error interrupted() { return error_of(ErrorCode::Interrupted, {N_("It was interrupted.")}); }

// Whether a reboot takes the effect away by itself.
bool is_volatile(const Change& change) {
  return !change.permanent && (std::holds_alternative<WriteAttribute>(change.effect) ||
                               std::holds_alternative<ChangeOwner>(change.effect) ||
                               std::holds_alternative<BindDriver>(change.effect) ||
                               std::holds_alternative<ReleaseUsb>(change.effect));
}

// What tells only of things that a power cut takes away need not outlive it.
Durability durability_of(const Plan& plan) {
  return std::ranges::all_of(plan.changes, is_volatile) ? Durability::UntilReboot
                                                        : Durability::Synced;
}

// A driver that refuses a write has done nothing. What is there nevertheless is somebody else's: of
// two who make the same vGPU the slower one must not remove it.
bool never_happened(const Effect& effect, const Error& error) {
  return std::holds_alternative<WriteAttribute>(effect) && error.error_number != 0;
}

// A path without which nothing is left of the change; empty if none tells.
std::string path_it_stands_with(const Change& change) {
  if (const auto* write = std::get_if<WriteAttribute>(&change.effect)) return write->done_path;
  const auto* owner = std::get_if<ChangeOwner>(&change.effect);
  if (owner == nullptr) return {};
  return owner->named_by.empty() ? owner->path : owner->named_by;
}

std::string applied_line(const Journal& journal, Durability durability) {
  if (durability == Durability::Synced) return lasting_end_line();
  const std::string plain = end_line(Journal::End::Applied);
  Standing standing{.boot = journal.boot, .paths = {}};
  for (const std::size_t change : journal.done) {
    if (journal.undone.contains(change)) continue;
    std::string path = path_it_stands_with(journal.plan.changes[change]);
    if (path.empty()) return plain;
    standing.paths.push_back(std::move(path));
  }
  return end_line(standing);
}

// Of a transaction whose last line tells what it stands with; empty if it does not. A path that
// something else has made since keeps the journal for as long as it is there.
std::optional<bool> is_gone_by_its_end(const HostReader& host, std::string_view text,
                                       const std::string& boot) {
  if (has_lasting_end(text)) return false;
  const std::optional<Standing> standing = standing_of(text);
  if (!standing) return std::nullopt;
  if (!boot.empty() && !standing->boot.empty() && boot != standing->boot) return true;
  return std::ranges::none_of(standing->paths,
                              [&](const std::string& made) { return host.exists(made); });
}

// Conflict if the plan contradicts itself.
Result<void> check(const Plan& plan) {
  std::vector<Message> found = conflicts(plan);
  if (found.empty()) return {};
  return error_of(ErrorCode::Conflict, std::move(found.front()));
}

}  // namespace

Error needs_root() {
  return error_of(ErrorCode::Denied, {N_("Only root may change this.")},
                  {N_("Run the same command again with sudo: sudo cleave …")});
}

std::vector<std::size_t> Transactions::indices(Range range) {
  std::vector<std::size_t> all;
  for (std::size_t change = range.begin; change < range.end; ++change) all.push_back(change);
  return all;
}

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
  stored.durability = durability_of(stored.journal.plan);
  // All before a zero byte, as parse_journal() reads it.
  const std::string whole = text.substr(0, text.find('\0'));
  if (stored.journal.torn) stored.text = whole.substr(0, whole.rfind('\n') + 1);
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

// Whether it was interrupted, or another cleave is at it. False if nothing had begun.
Result<bool> Transactions::is_open(std::uint32_t number, EndedJournals* ended) const {
  auto text = host_.read_file(journal_path(directory_of(number)), kJournalLimit);
  if (text && has_ended(*text)) {
    if (ended != nullptr) ended->emplace_back(number, std::move(*text));
    return false;
  }
  const Result<Stored> stored = load(number);
  if (stored) return stored->journal.end == Journal::End::None;
  if (stored.error().code == ErrorCode::NotFound) return false;
  return stored.error();
}

std::string Transactions::boot_id() const {
  const Result<std::string> id = host_.read_file("/proc/sys/kernel/random/boot_id");
  return id ? std::string(trim(*id)) : std::string();
}

// Whether there is still something of this change on the host that could be taken back.
bool Transactions::is_left(const Stored& stored, std::size_t change,
                           const std::string& boot) const {
  const Journal& journal = stored.journal;
  const Change& made = journal.plan.changes[change];
  if (!is_volatile(made)) return true;
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
  record.state = TransactionRecord::State::Undone;
  if (journal.end == Journal::End::None) record.state = TransactionRecord::State::Open;
  if (journal.end != Journal::End::Applied) return record;
  const std::string boot = boot_id();
  const bool anything_left = std::ranges::any_of(
      record.done, [&](std::size_t change) { return is_left(stored, change, boot); });
  if (anything_left) record.state = TransactionRecord::State::Applied;
  return record;
}

Result<std::unique_ptr<HostWriter::Lock>> Transactions::lock() {
  TRY(host_.create_directories(state_directory_, kStateDirectoryMode));
  TRY(host_.create_directories(join_path(state_directory_, "transactions"), kDirectoryMode));
  const std::string path = join_path(state_directory_, "lock");
  const auto end = host_.now() + patience_;
  while (true) {
    Result<std::unique_ptr<HostWriter::Lock>> held = host_.lock(path);
    if (held || held.error().code != ErrorCode::Busy) return held;
    if (host_.is_interrupted()) return interrupted();
    if (host_.now() >= end) return busy();
    host_.pause(kPause);
  }
}

Error Transactions::busy() const {
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
  return host_.append_to_file(journal_path(stored.directory), line, kJournalMode,
                              stored.durability);
}

Result<Transactions::Stored> Transactions::begin(const Plan& plan) {
  const auto used = TRY(numbers());
  EndedJournals ended;
  for (const std::uint32_t earlier : used) {
    if (!TRY(is_open(earlier, &ended))) continue;
    Error error;
    error.code = ErrorCode::Conflict;
    error.message = Message(N_("Transaction {number} was interrupted and is not taken back yet."),
                            {{"number", earlier}});
    return error;
  }
  TRY(forget_what_is_gone(ended));
  Stored stored;
  stored.journal.number = used.empty() ? 1 : used.back() + 1;
  stored.journal.time =
      std::chrono::duration_cast<std::chrono::seconds>(host_.now().time_since_epoch()).count();
  stored.journal.boot = boot_id();
  stored.journal.plan = plan;
  stored.durability = durability_of(plan);
  stored.directory = directory_of(stored.journal.number);
  TRY(host_.create_directories(stored.directory, kDirectoryMode, stored.durability));
  TRY(append(stored, begin_line(stored.journal)));
  return stored;
}

// Of vGPUs that were removed, or that an earlier boot had, nothing is left that an undo could take
// back; without this each would leave one more journal to be read. The last number is never used
// again.
Result<void> Transactions::forget_what_is_gone(const EndedJournals& all) {
  const std::string boot = boot_id();
  for (const auto& [number, text] : all) {
    if (number == all.back().first) break;
    const std::string path = journal_path(directory_of(number));
    std::optional<bool> gone = is_gone_by_its_end(host_, text, boot);
    if (!gone) {
      const Result<Stored> stored = load(number);
      if (!stored && stored.error().code == ErrorCode::NotFound) continue;
      if (!stored) return stored.error();
      gone = stored->durability != Durability::Synced &&
             record_of(*stored).state == TransactionRecord::State::Undone;
    }
    if (!*gone) continue;
    // Best effort: what stays is no more than one file too many.
    if (host_.remove_file(path, Durability::UntilReboot)) {
      (void)host_.remove_directory(directory_of(number), Durability::UntilReboot);
    }
  }
  return {};
}

// True if the change was made, false if it was made already.
Result<bool> Transactions::step(Stored& stored, std::size_t change) {
  const Effect& effect = stored.journal.plan.changes[change].effect;
  if (TRY(is_done(host_, effect))) return false;
  const Before before = TRY(observe(host_, effect));
  if (needs_copy(effect, before)) {
    TRY(host_.copy_file(before.path, copy_path(stored.directory, change)));
  }
  {
    const std::scoped_lock turn(*turn_);
    TRY(append(stored, intent_line(change, before)));
    stored.journal.intents[change] = before;
  }
  Result<void> performed = perform(host_, effect, before);
  const std::scoped_lock turn(*turn_);
  if (!performed) {
    if (never_happened(effect, performed.error())) {
      TRY(append(stored, undone_line(change)));
      stored.journal.undone.insert(change);
    }
    return std::move(performed).error();
  }
  std::string outcome = outcome_of(host_, effect, before);
  if (stored.durability == Durability::Synced) {
    TRY(append(stored, done_line(change, outcome)));
  } else {
    stored.late_lines += done_line(change, outcome);
  }
  stored.journal.outcomes[change] = std::move(outcome);
  stored.journal.done.push_back(change);
  return true;
}

// Makes them all, or stops at the first that fails. Those that were made already.
Result<std::vector<std::size_t>> Transactions::steps(Stored& stored, Range changes) {
  std::vector<std::size_t> skipped;
  for (std::size_t change = changes.begin; change < changes.end; ++change) {
    if (host_.is_interrupted()) return interrupted();
    Result<bool> made = step(stored, change).context(stored.journal.plan.changes[change].summary);
    // Ctrl-C on a terminal ends the command that a step has run, too.
    if (!made && host_.is_interrupted()) return interrupted();
    if (!made) return std::move(made).error();
    if (!*made) skipped.push_back(change);
  }
  return skipped;
}

// Whether anything of the plan is not done yet, and may be done.
Result<bool> Transactions::has_work(const Plan& plan) const {
  const bool is_root = host_.user_id() == 0;
  bool waits = false;
  for (const Change& change : plan.changes) {
    if (TRY(is_done(host_, change.effect))) continue;
    waits = true;
    if (is_root) break;
    if (change.needs_root) return needs_root();
  }
  return waits;
}

Result<ApplyReport> Transactions::apply(const Plan& plan) {
  TRY(check(plan));
  const Range all{0, plan.changes.size()};
  ApplyReport report;
  if (!TRY(has_work(plan))) {
    report.skipped = indices(all);
    return report;
  }
  // Ctrl-C waits for a step's end, and then everything is taken back.
  const SignalsKept signals;
  const auto held = TRY(lock());
  Stored stored = TRY(begin(plan));
  report.transaction = stored.journal.number;
  auto skipped = steps(stored, all);
  if (!skipped) return roll_back(stored, std::move(skipped).error());
  report.skipped = std::move(*skipped);
  Result<void> ended =
      append(stored, stored.late_lines + applied_line(stored.journal, stored.durability));
  if (!ended) return roll_back(stored, std::move(ended).error());
  return report;
}

Result<std::vector<PartReport>> Transactions::apply_parts(const Message& purpose,
                                                          const std::vector<Plan>& parts,
                                                          PartOrder order) {
  std::vector<PartReport> reports;
  std::span<const Plan> left(parts);
  while (!left.empty()) {
    std::size_t batch = 1;
    std::size_t changes = left.front().changes.size();
    while (batch < left.size() && changes + left[batch].changes.size() <= kMaximumChanges) {
      changes += left[batch++].changes.size();
    }
    TRY(apply_batch(purpose, left.first(batch), order, reports));
    left = left.subspan(batch);
  }
  return reports;
}

Result<void> Transactions::apply_batch(const Message& purpose, std::span<const Plan> parts,
                                       PartOrder order, std::vector<PartReport>& reports) {
  Plan plan;
  plan.purpose = purpose;
  for (const Plan& part : parts) {
    plan.changes.insert(plan.changes.end(), part.changes.begin(), part.changes.end());
  }
  if (!TRY(has_work(plan))) {
    for (const Plan& part : parts) {
      reports.push_back(
          {.transaction = 0, .skipped = indices({0, part.changes.size()}), .why = {}});
    }
    return {};
  }
  const SignalsKept signals;
  const auto held = TRY(lock());
  Stored stored = TRY(begin(plan));
  auto applied = apply_each(stored, parts, order == PartOrder::Any ? host_.threads() : 1);
  if (!applied) return roll_back(stored, std::move(applied).error());
  std::ranges::move(*applied, std::back_inserter(reports));
  Result<void> ended =
      append(stored, stored.late_lines + applied_line(stored.journal, stored.durability));
  if (!ended) return roll_back(stored, std::move(ended).error());
  return {};
}

// Up to so many threads take the parts from the front. The error is what keeps those that are left
// from being applied, too.
Result<std::vector<PartReport>> Transactions::apply_each(Stored& stored,
                                                         std::span<const Plan> parts,
                                                         unsigned threads) {
  std::vector<Range> ranges;
  std::size_t end = 0;
  for (const Plan& part : parts) {
    const std::size_t begin = std::exchange(end, end + part.changes.size());
    ranges.push_back({begin, end});
  }
  std::vector<PartReport> reports(parts.size());
  std::optional<Error> failure;
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < parts.size(); i = next++) {
      Result<PartReport> report = apply_part(stored, parts[i], ranges[i]);
      if (report) {
        reports[i] = std::move(*report);
        continue;
      }
      next = parts.size();
      const std::scoped_lock turn(*turn_);
      if (!failure) failure = std::move(report).error();
    }
  };
  {
    std::vector<std::jthread> others;
    const std::size_t wanted = std::min<std::size_t>({threads, kMostThreads, parts.size()});
    try {
      while (others.size() + 1 < wanted) others.emplace_back(work);
    } catch (const std::system_error&) {
      // The user's processes are limited (RLIMIT_NPROC): then it takes longer.
    }
    work();
  }
  if (failure) return *failure;
  return reports;
}

// The error is what keeps the other parts from being applied, too.
Result<PartReport> Transactions::apply_part(Stored& stored, const Plan& part, Range range) {
  PartReport report;
  if (Result<void> checked = check(part); !checked) {
    report.why = std::move(checked).error();
    return report;
  }
  Result<std::vector<std::size_t>> skipped = steps(stored, range);
  if (!skipped && skipped.error().code == ErrorCode::Interrupted) return skipped.error();
  if (!skipped) {
    const std::scoped_lock turn(*turn_);
    report.why = roll_back_part(stored, range, std::move(skipped).error());
    return report;
  }
  if (skipped->size() < part.changes.size()) report.transaction = stored.journal.number;
  for (const std::size_t change : *skipped) report.skipped.push_back(change - range.begin);
  return report;
}

Result<std::vector<TransactionRecord>> Transactions::list() const {
  std::vector<TransactionRecord> records;
  for (const Stored& stored : TRY(load_all())) records.push_back(record_of(stored));
  return records;
}

}  // namespace cleave
