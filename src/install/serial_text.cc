#include "install/serial_text.h"

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

}  // namespace

std::string last_readable_line(std::string_view text) {
  std::string last;
  for (const std::string_view line : lines(text)) {
    const std::string plain = without_sequences(line);
    if (!trim(plain).empty()) last = std::string(trim(plain));
  }
  return last;
}

}  // namespace cleave
