// The kernel's log since boot: its ring buffer, else a copy that the system keeps. And the end of
// what it said before the last boot: from the journal, else what the firmware kept of a crash.
#include <algorithm>

#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumLog = std::size_t{16} << 20U;  // log_buf_len is 2 MiB at the most
// A boot has 1,000 to 3,000; each costs about 5 µs, and the doctor has 60 ms for all it does.
constexpr std::size_t kMostLines = 5'000;
constexpr std::size_t kMostPreviousLines = 500;
constexpr std::size_t kMostPieces = 200;  // of a crash: 1 KiB each, 10 KiB (kmsg_bytes) together

Fact<std::string> journal_of_boot(const HostReader& host, int boot, std::size_t most_lines) {
  const std::string source = boot == 0 ? "journalctl -k" : "journalctl -k -b -1";
  auto text = host.kernel_journal(boot, most_lines);
  if (text) return {std::move(*text), source};
  if (text.error().code == ErrorCode::NotFound) return {Absent{}, source};
  return Unreadable{.path = source, .why = why(text.error())};
}

// Firmware keeps a crash in pieces, the last part as number 1 (fs/pstore/platform.c, pstore_dump:
// "Panic#1 Part1" in the first line).
Fact<std::string> read_pstore(const HostReader& host) {
  const std::string directory = "/sys/fs/pstore";
  const auto names = host.list_directory(directory);
  if (!names) return fact_from_error<std::string>(names.error(), directory);
  std::vector<std::pair<std::uint32_t, std::string>> pieces;
  for (const std::string& name : *names) {
    // What is not decompressed ends with ".enc.z".
    if (!name.starts_with("dmesg-") || name.ends_with(".z") || pieces.size() >= kMostPieces) {
      continue;
    }
    const std::string path = join_path(directory, name);
    auto text = host.read_file(path);
    if (!text) return fact_from_error<std::string>(text.error(), path);
    const std::string_view head = std::string_view(*text).substr(0, text->find('\n'));
    const std::size_t part = head.rfind("Part");
    const auto number = part == std::string_view::npos
                            ? std::nullopt
                            : parse_unsigned<std::uint32_t>(trim(head.substr(part + 4)));
    if (!number) continue;
    pieces.emplace_back(*number, text->substr(std::min(head.size() + 1, text->size())));
  }
  if (pieces.empty()) return {Absent{}, directory};
  std::ranges::sort(pieces, std::ranges::greater(), &decltype(pieces)::value_type::first);
  std::string whole;
  for (const auto& [number, text] : pieces) whole += text;
  return {std::move(whole), directory};
}

}  // namespace

Fact<std::string> read_kernel_log(const HostReader& host) {
  const std::string ring = "/dev/kmsg";
  auto text = host.read_file(ring, kMaximumLog);
  if (text && !text->empty()) return {std::move(*text), ring};
  // Debian's and Ubuntu's copy of the boot's log, open to the group adm.
  const std::string copy = "/var/log/dmesg";
  auto kept = host.read_file(copy, kMaximumLog);
  if (kept && !kept->empty()) return {std::move(*kept), copy};
  // Open to the groups adm and systemd-journal where kernel.dmesg_restrict closes the ring.
  Fact<std::string> journal = journal_of_boot(host, 0, kMostLines);
  if (journal.is_known()) return journal;
  if (!text) return fact_from_error<std::string>(text.error(), ring);
  return {Absent{}, ring};
}

Fact<std::string> read_previous_boot_log(const HostReader& host) {
  Fact<std::string> journal = journal_of_boot(host, -1, kMostPreviousLines);
  if (journal.is_known()) return journal;
  const Fact<std::string> crash = read_pstore(host);
  return crash.is_known() ? crash : journal;
}

}  // namespace cleave
