// A transaction's journal: whatever parses stays itself when written and read again, and points
// at changes of its own plan only.
#include "apply/journal.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const auto journal = cleave::parse_journal(cleave::fuzz::text_of(data, size));
  if (!journal) return 0;
  const std::size_t count = journal->plan.changes.size();
  std::string again = cleave::begin_line(*journal);
  for (const auto& [change, before] : journal->intents) {
    require(change < count);
    again += cleave::intent_line(change, before);
  }
  for (const std::size_t change : journal->done) again += cleave::done_line(change);
  for (const std::size_t change : journal->undone) again += cleave::undone_line(change);
  const auto second = cleave::parse_journal(again);
  require(second.has_value());
  require(second->plan == journal->plan);
  require(second->intents == journal->intents);
  require(second->done == journal->done);
  require(second->undone == journal->undone);
  for (const cleave::Change& change : journal->plan.changes) {
    (void)cleave::effect_text(change.effect);
    (void)cleave::undo_text(change.effect);
  }
  (void)cleave::conflicts(journal->plan);
  return 0;
}
