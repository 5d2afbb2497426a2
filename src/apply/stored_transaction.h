// What the parts of Transactions share: one transaction as its directory tells it. For apply/
// alone.
#pragma once

#include <string>

#include "apply/journal.h"
#include "apply/transaction.h"
#include "base/format.h"

namespace cleave {

struct Transactions::Stored {
  std::string directory;
  std::string text;  // of the journal's whole lines, if the last one is torn
  Journal journal;
  Durability durability = Durability::Synced;
  // Lines that are written with the last one: what was done, where a crash before that takes all
  // back anyway and no reader of the disk could come to know it sooner.
  std::string late_lines;
};

// Only root looks into what files held before.
inline constexpr std::uint32_t kJournalMode = 0600;

inline std::string journal_path(const std::string& directory) {
  return join_path(directory, "journal");
}

// Where what a file held before the change is kept.
inline std::string copy_path(const std::string& directory, std::size_t change) {
  return join_path(directory, format("before-{}", change));
}

}  // namespace cleave
