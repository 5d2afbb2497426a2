// Taking back: a whole transaction, a part of one, what failed, and what a crash left open.
#include <algorithm>
#include <ranges>
#include <utility>

#include "apply/effects.h"
#include "apply/stored_transaction.h"
#include "host/signals_wait.h"

namespace cleave {
namespace {

// `cause` with what became of the changes before; `any`: there were some.
Error with_what_was_put_back(Error cause, const Result<std::vector<Message>>& back,
                             std::uint32_t number, bool any) {
  if (!any) {
    cause.context.emplace_back(N_("Nothing was changed."));
  } else if (back) {
    cause.context.emplace_back(N_("Everything that had been changed before was put back."));
  } else {
    cause.context.emplace_back(
        N_("Not everything that had been changed could be put back (transaction {number}):"),
        std::vector<Field>{{"number", number}});
    cause.context.push_back(back.error().message);
    cause.context.insert(cause.context.end(), back.error().context.begin(),
                         back.error().context.end());
    if (cause.remedy.empty()) cause.remedy = back.error().remedy;
  }
  return cause;
}

}  // namespace

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

// Of all its changes: then nothing is left of it.
Result<std::vector<Message>> Transactions::take_back(const Stored& stored) {
  const auto changes = std::views::keys(stored.journal.intents);
  auto notes = TRY(take_back_changes(stored, {changes.begin(), changes.end()}));
  TRY(append(stored, end_line(Journal::End::Undone)));
  return notes;
}

// Those of `changes`, in their order, that had begun.
Result<std::vector<Message>> Transactions::take_back_changes(
    const Stored& stored, const std::vector<std::size_t>& changes) {
  const Journal& journal = stored.journal;
  const std::string boot = boot_id();
  std::vector<Message> notes;
  std::vector<Error> failures;
  for (const std::size_t change : changes | std::views::reverse) {
    const auto intent = journal.intents.find(change);
    if (intent == journal.intents.end() || journal.undone.contains(change)) continue;
    if (is_left(stored, change, boot)) {
      const auto outcome = journal.outcomes.find(change);
      Result<Notes> back =
          cleave::take_back(host_, journal.plan.changes[change].effect, intent->second,
                            copy_path(stored.directory, change),
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
  if (failures.empty()) return notes;
  Error error = std::move(failures.front());
  for (Error& other : failures | std::views::drop(1)) {
    error.context.push_back(std::move(other.message));
  }
  return error;
}

// The error of an apply() that failed, with what became of the changes before.
Error Transactions::roll_back(const Stored& stored, Error cause) {
  return with_what_was_put_back(std::move(cause), take_back(stored), stored.journal.number,
                                !stored.journal.intents.empty());
}

// The same for changes that belong together, of a transaction that goes on.
Error Transactions::roll_back_part(Stored& stored, Range changes, Error cause) {
  const std::vector<std::size_t> part = indices(changes);
  const bool any = std::ranges::any_of(
      part, [&](std::size_t change) { return stored.journal.intents.contains(change); });
  const auto back = take_back_changes(stored, part);
  if (back) stored.journal.undone.insert(part.begin(), part.end());
  return with_what_was_put_back(std::move(cause), back, stored.journal.number, any);
}

// NotFound, in a sentence, if there was none of that number. One that was forgotten, since nothing
// was left of it, is undone.
Result<Transactions::Stored> Transactions::find(std::uint32_t number) const {
  Result<Stored> found = load(number);
  if (found || found.error().code != ErrorCode::NotFound) return found;
  const std::vector<std::uint32_t> used = TRY(numbers());
  if (number != 0 && !used.empty() && number < used.back()) {
    Stored forgotten;
    forgotten.journal.number = number;
    forgotten.journal.end = Journal::End::Undone;
    return forgotten;
  }
  return error_of(ErrorCode::NotFound,
                  {N_("There is no transaction {number}."), {{"number", number}}});
}

Result<std::vector<Message>> Transactions::undo(std::uint32_t number) {
  const Result<Stored> found = find(number);
  if (!found) return found.error();
  if (found->journal.end == Journal::End::Undone) return std::vector<Message>();
  if (found->journal.plan.needs_root() && host_.user_id() != 0) return needs_root();
  const SignalsKept signals;
  const auto held = TRY(lock());
  // Again: another cleave may have undone it before this one had the lock.
  const Stored stored = TRY(find(number));
  if (stored.journal.end == Journal::End::Undone) return std::vector<Message>();
  TRY(mend(stored));
  if (stored.journal.end == Journal::End::None && !stored.journal.undoing) {
    return take_back(stored).context(stored.journal.plan.purpose);
  }
  TRY(append(stored, undoing_line()));
  return undo_applied(stored).context(stored.journal.plan.purpose);
}

Result<void> Transactions::undo_part(std::uint32_t number,
                                     const std::vector<std::size_t>& changes) {
  const Result<Stored> found = find(number);
  if (!found) return found.error();
  if (found->journal.plan.needs_root() && host_.user_id() != 0) return needs_root();
  const SignalsKept signals;
  const auto held = TRY(lock());
  const Stored stored = TRY(find(number));
  if (stored.journal.end == Journal::End::Undone) return {};
  TRY(mend(stored));
  // That an undo began is not written down: after a crash it would go on with all changes.
  (void)TRY(take_back_changes(stored, changes).context(stored.journal.plan.purpose));
  return {};
}

Result<std::vector<std::uint32_t>> Transactions::recover() {
  std::vector<std::uint32_t> finished;
  bool any = false;
  for (const std::uint32_t number : TRY(numbers())) any = any || TRY(is_open(number));
  if (!any) return finished;
  const SignalsKept signals;
  // Open may also mean: another cleave is at it. Then it has the lock.
  const auto held = TRY(lock());
  const std::vector<Stored> all = TRY(load_all());
  for (const Stored& stored : all | std::views::reverse) {
    if (stored.journal.end != Journal::End::None) continue;
    TRY(mend(stored));
    TRY((stored.journal.undoing ? undo_applied(stored) : take_back(stored))
            .context(stored.journal.plan.purpose));
    finished.push_back(stored.journal.number);
  }
  std::ranges::reverse(finished);
  return finished;
}

}  // namespace cleave
