// The system's journal: which files hold it, and what the kernel said in one boot. Read with
// libsystemd, which is loaded when this is first asked: the other commands start without it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

// Files that are looked into at the most: each costs 50 to 100 µs to open. A boot fills one of
// 128 MB seldom (journald.conf(5), SystemMaxFileSize), a crash leaves one more behind.
inline constexpr std::size_t kMostJournalFiles = 8;

// Of the names in a journal's directory those that hold the system's own messages, newest first:
// "system.journal", "system@….journal", "system@….journal~" (what was not closed in order).
std::vector<std::string> newest_journal_files(const std::vector<std::string>& names);

struct JournalQuestion {
  int boot = 0;  // as HostReader::kernel_journal
  std::size_t most_lines = 0;
  // 32 hexadecimal digits; empty: the newest boot in the files counts as the running one.
  std::string running_boot;
};

// `files` are open journal files; those that are damaged are passed over. Unsupported without
// libsystemd.
Result<std::string> read_kernel_journal(const std::vector<OwnedFd>& files,
                                        const JournalQuestion& question);

}  // namespace cleave
