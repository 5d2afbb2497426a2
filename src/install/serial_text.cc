#include "install/serial_text.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cleave {
namespace {

constexpr char kEscape = '\x1b';

// How long an escape sequence is that begins with ESC: ESC [ … letter, or ESC and one byte
// (ECMA-48, 5.4 and 5.3). systemd's start has both in nearly every line.
std::size_t sequence_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  if (text[1] != '[') return 2;
  std::size_t length = 2;
  // Parameters and intermediate bytes; the one after them ends it.
  while (length < text.size() && text[length] >= 0x20 && text[length] < 0x40) ++length;
  return length < text.size() ? length + 1 : length;
}

std::string without_sequences(std::string_view line) {
  std::string plain;
  while (!line.empty()) {
    const std::size_t escape = line.find(kEscape);
    plain += line.substr(0, escape);
    if (escape == std::string_view::npos) break;
    line.remove_prefix(escape);
    line.remove_prefix(sequence_length(line));
  }
  return plain;
}

// "2026-11-27 03:09:43,120 - util.py[WARNING]: Running module locale (…) failed": its format for
// the console (cloudinit/log.py, DEF_CON_FORMAT). The copy of it that the kernel's console shows
// begins otherwise.
constexpr std::size_t kTimeLength = std::string_view("2026-11-27 03:09:43,120 - ").size();
constexpr std::array<std::string_view, 3> kBadLevels = {"[WARNING]: ", "[ERROR]: ", "[CRITICAL]: "};
constexpr std::size_t kMostComplaints = 8;

std::string_view complaint_in(std::string_view line) {
  if (line.size() < kTimeLength || line[4] != '-' ||
      !line.substr(kTimeLength - 3).starts_with(" - ")) {
    return {};
  }
  line.remove_prefix(kTimeLength);
  for (const std::string_view level : kBadLevels) {
    const std::size_t at = line.find(level);
    const bool is_bad = at != std::string_view::npos && line.substr(0, at).ends_with(".py");
    if (is_bad) return trim(line.substr(at + level.size()));
  }
  return {};
}

}  // namespace

std::string last_readable_line(std::string_view text) {
  std::string last;
  for (const std::string_view line : lines(text)) {
    const std::string plain = without_sequences(line);
    if (!trim(plain).empty()) last = std::string(trim(plain));
  }
  return last;
}

std::vector<std::string> cloud_init_complaints(std::string_view text) {
  std::vector<std::string> complaints;
  for (const std::string_view line : lines(text)) {
    const std::string plain = without_sequences(line);
    const std::string_view complaint = complaint_in(plain);
    const bool is_known = std::ranges::find(complaints, complaint) != complaints.end();
    if (complaint.empty() || is_known) continue;
    complaints.emplace_back(complaint);
    if (complaints.size() == kMostComplaints) break;
  }
  return complaints;
}

}  // namespace cleave
