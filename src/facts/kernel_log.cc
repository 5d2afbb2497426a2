#include "facts/kernel_log.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestMessage = 8192;
// Prefixes stand in front of each other (quote, date, host, priority, time, caller), at most so
// many; a line that has more is not a log's.
constexpr int kMostPrefixes = 10;

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (at + count < text.size() && is_digit(text[at + count])) ++count;
  return count;
}

std::size_t blanks_at(std::string_view text, std::size_t at = 0) {
  std::size_t count = 0;
  while (at + count < text.size() && (text[at + count] == ' ' || text[at + count] == '\t')) ++count;
  return count;
}

// Escape sequences of colours, ESC [ … letter (ECMA-48, 5.4: CSI), taken out into `plain`, and the
// no-break blanks that mail programs make (U+00A0) turned into blanks.
std::string_view without_colours(std::string_view line, std::string& plain) {
  constexpr std::string_view kNoBreakBlank = "\xC2\xA0";
  if (line.find('\x1b') == std::string_view::npos &&
      line.find(kNoBreakBlank) == std::string_view::npos) {
    return line;
  }
  plain.clear();
  std::size_t at = 0;
  while (at < line.size()) {
    if (line.substr(at).starts_with(kNoBreakBlank)) {
      plain += ' ';
      at += kNoBreakBlank.size();
      continue;
    }
    if (line[at] != '\x1b') {
      plain += line[at++];
      continue;
    }
    ++at;
    if (at == line.size() || line[at] != '[') continue;
    ++at;
    while (at < line.size() && line[at] >= 0x20 && line[at] < 0x40) ++at;
    if (at < line.size()) ++at;
  }
  return plain;
}

struct Prefix {
  std::size_t length = 0;  // 0: there is none
  std::optional<std::uint64_t> microseconds;
  bool has_host = false;  // a host and a program's name follow
};

std::optional<std::uint64_t> microseconds_of(std::string_view seconds, std::string_view fraction) {
  // Nine digits are 31 years of uptime.
  const auto whole = parse_unsigned<std::uint64_t>(seconds.substr(0, 10));
  if (!whole || seconds.size() > 9) return std::nullopt;
  std::string six(fraction.substr(0, 6));
  six.resize(6, '0');
  return *whole * 1'000'000U + parse_unsigned<std::uint64_t>(six).value_or(0);
}

// "<6>": the priority as the kernel's ring has it.
Prefix priority(std::string_view text) {
  if (!text.starts_with('<')) return {};
  const std::size_t digits = digits_at(text, 1);
  if (digits == 0 || digits > 4 || 1 + digits >= text.size() || text[1 + digits] != '>') return {};
  return {.length = digits + 2, .microseconds = {}, .has_host = false};
}

bool starts_with_one_of(std::string_view text, const auto& words) {
  return std::ranges::any_of(words, [text](std::string_view word) {
    return text.starts_with(word) && text.size() > word.size() &&
           (text[word.size()] == ' ' || is_digit(text[word.size()]));
  });
}

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

// "[    0.000000]", "[    0.000000 <    0.000000>]", "[T1]", "[    T0]", "[C12]", "[+0.000013]",
// "[Nov24 23:30]", "[Tue Nov 24 23:30:16 2026]" (util-linux, sys-utils/dmesg.c).
Prefix bracket(std::string_view text) {
  constexpr std::size_t kLongest = 48;
  if (!text.starts_with('[')) return {};
  const std::size_t end = text.substr(0, kLongest).find(']');
  if (end == std::string_view::npos) return {};
  const std::size_t start = 1 + blanks_at(text, 1);
  if (start >= end) return {};
  const std::string_view inside = text.substr(start, end - start);
  Prefix found{.length = end + 1, .microseconds = {}, .has_host = false};
  if (const std::size_t digits = digits_at(inside, 0); digits > 0) {
    const std::size_t fraction = digits_at(inside, digits + 1);
    if (inside.size() <= digits || inside[digits] != '.' || fraction < 3) return {};
    const std::size_t after = digits + 1 + fraction;
    if (after != inside.size() && inside[after] != ' ' && inside[after] != '<') return {};
    found.microseconds =
        microseconds_of(inside.substr(0, digits), inside.substr(digits + 1, fraction));
    return found;
  }
  const bool caller = (inside[0] == 'T' || inside[0] == 'C') &&
                      digits_at(inside, 1) == inside.size() - 1 && inside.size() > 1;
  const bool difference = inside[0] == '+' && inside.find('.') != std::string_view::npos;
  const bool date = (starts_with_one_of(inside, kDays) || starts_with_one_of(inside, kMonths)) &&
                    inside.find(':') != std::string_view::npos;
  return caller || difference || date ? found : Prefix{};
}

// "6,1234,5678,-;": a record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg).
Prefix kmsg_record(std::string_view text) {
  std::size_t at = 0;
  std::string_view time;
  for (int field = 0; field < 3; ++field) {
    const std::size_t digits = digits_at(text, at);
    if (digits == 0 || digits > 19 || at + digits >= text.size() || text[at + digits] != ',') {
      return {};
    }
    time = text.substr(at, digits);
    at += digits + 1;
  }
  const std::size_t end = text.substr(0, at + 64).find(';', at);
  if (end == std::string_view::npos) return {};
  return {
      .length = end + 1, .microseconds = parse_unsigned<std::uint64_t>(time), .has_host = false};
}

// "kern  :info  : ", as dmesg -x writes facility and level.
Prefix facility(std::string_view text) {
  constexpr std::array<std::string_view, 5> kFacilities = {"kern", "user", "daemon", "syslog",
                                                           "auth"};
  for (const std::string_view name : kFacilities) {
    if (!text.starts_with(name)) continue;
    std::size_t at = name.size() + blanks_at(text, name.size());
    if (at >= text.size() || text[at] != ':') return {};
    const std::size_t end = text.substr(0, at + 10).find(':', at + 1);
    if (end == std::string_view::npos) return {};
    return {.length = end + 1, .microseconds = {}, .has_host = false};
  }
  return {};
}

// Length of "23:30:16", "23:30:16.123456", "23:30:16,123456+00:00" at `at`; 0 if none is there.
std::size_t clock_at(std::string_view text, std::size_t at) {
  if (digits_at(text, at) != 2 || digits_at(text, at + 3) != 2 || digits_at(text, at + 6) != 2) {
    return 0;
  }
  if (text[at + 2] != ':' || text[at + 5] != ':') return 0;
  const std::size_t end = text.find(' ', at);
  return (end == std::string_view::npos ? text.size() : end) - at;
}

// "Jul 19 23:11:56" (syslog, RFC 3164) with or without a year. journalctl writes the month in
// the person's language: any short word will do where a day and a clock follow it.
Prefix syslog_date(std::string_view text) {
  constexpr std::size_t kLongestMonth = 16;
  const std::size_t month = text.substr(0, kLongestMonth).find(' ');
  if (month == std::string_view::npos || month < 3 || text[month - 1] == ':') return {};
  std::size_t at = month + blanks_at(text, month);
  const std::size_t day = digits_at(text, at);
  if (day == 0 || day > 2) return {};
  at += day + blanks_at(text, at + day);
  if (digits_at(text, at) == 4) at += 4 + blanks_at(text, at + 4);
  const std::size_t clock = clock_at(text, at);
  if (clock == 0) return {};
  return {.length = at + clock, .microseconds = {}, .has_host = true};
}

// "2026-11-24T23:30:16+0000", "2026-11-24 23:30:16", with a weekday in front and a zone behind
// (journalctl -o short-iso, short-full; dmesg --time-format iso, which has a comma and no host).
Prefix iso_date(std::string_view text) {
  std::size_t at = starts_with_one_of(text, kDays) ? 3 + blanks_at(text, 3) : 0;
  if (digits_at(text, at) != 4 || digits_at(text, at + 5) != 2 || digits_at(text, at + 8) != 2) {
    return {};
  }
  if (text[at + 4] != '-' || text[at + 7] != '-') return {};
  at += 10;
  if (at >= text.size() || (text[at] != 'T' && text[at] != ' ')) return {};
  const std::size_t clock = clock_at(text, at + 1);
  if (clock == 0) return {};
  const bool of_dmesg = text.substr(at + 1, clock).find(',') != std::string_view::npos;
  at += 1 + clock;
  for (const std::string_view zone :
       {" UTC ", " CEST ", " CET ", " KST ", " GMT ", " EST ", " PST "}) {
    if (text.substr(at).starts_with(zone)) at += zone.size() - 1;
  }
  return {.length = at, .microseconds = {}, .has_host = !of_dmesg};
}

// "1690000000.123456": journalctl -o short-unix.
Prefix unix_time(std::string_view text) {
  if (digits_at(text, 0) != 10 || text.size() < 12 || text[10] != '.') return {};
  const std::size_t fraction = digits_at(text, 11);
  if (fraction < 3 || text.substr(11 + fraction, 1) != " ") return {};
  return {.length = 11 + fraction, .microseconds = {}, .has_host = true};
}

// "kernel: " or "host kernel: ": length up to the message; 0 if the kernel's name is not there.
std::size_t kernel_name(std::string_view text) {
  std::size_t at = blanks_at(text);
  for (int word = 0; word < 2; ++word) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("kernel:")) return at + 7;
    if (rest.starts_with("kernel[")) {
      const std::size_t end = rest.substr(0, 20).find("]:");
      return end == std::string_view::npos ? 0 : at + end + 2;
    }
    const std::size_t end = rest.substr(0, 256).find(' ');
    // A host's name has no colon at its end; what has one is already the message.
    if (end == std::string_view::npos || end == 0 || rest[end - 1] == ':') return 0;
    at += end + blanks_at(text, at + end);
  }
  return 0;
}

Prefix time_or_priority(std::string_view text) {
  for (const auto& read :
       {priority, bracket, kmsg_record, facility, syslog_date, iso_date, unix_time}) {
    if (const Prefix found = read(text); found.length != 0) return found;
  }
  return {};
}

// Takes quotes of mails and of Markdown off: blanks, ">", "|", "`".
std::string_view without_quotes(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t>|`");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

void strip_prefixes(KernelLogLine& line) {
  line.text = without_quotes(line.text);
  for (int i = 0; i < kMostPrefixes; ++i) {
    const Prefix prefix = time_or_priority(line.text);
    if (prefix.length == 0) break;
    line.prefixed = true;
    if (prefix.microseconds) line.microseconds = prefix.microseconds;
    line.text.remove_prefix(std::min(prefix.length, line.text.size()));
    const std::size_t name = kernel_name(line.text);
    line.text.remove_prefix(name);
    if (prefix.has_host && name == 0) line.other_program = true;
    line.text.remove_prefix(blanks_at(line.text));
  }
  if (!line.prefixed) {
    if (const std::size_t name = kernel_name(line.text); name != 0) {
      line.prefixed = true;
      line.text.remove_prefix(name);
    }
  }
  line.text.remove_prefix(blanks_at(line.text));
}

}  // namespace

std::optional<KernelLogLine> KernelLogReader::next() {
  if (rest_.empty()) return std::nullopt;
  const std::size_t end = std::min(rest_.find('\n'), rest_.size());
  std::string_view text = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  // Twice the longest message leaves room for prefixes and colours.
  text = without_colours(text.substr(0, 2 * kLongestMessage), without_colours_);
  KernelLogLine line;
  line.number = ++number_;
  if (text.empty()) return line;
  const std::size_t last = text.find_last_not_of(" \t\r");
  line.text = text.substr(0, last == std::string_view::npos ? 0 : last + 1);
  strip_prefixes(line);
  line.text = line.text.substr(0, kLongestMessage);
  return line;
}

std::string_view leading_pci_address(std::string_view text) {
  const auto is_hexadecimal = [](char letter) {
    return is_digit(letter) || (letter >= 'a' && letter <= 'f');
  };
  std::size_t domain = 0;
  while (domain < text.size() && is_hexadecimal(text[domain])) ++domain;
  if (domain < 4 || domain > 8 || text.size() < domain + 8) return {};
  const std::string_view rest = text.substr(domain, 8);
  const bool shaped = rest[0] == ':' && is_hexadecimal(rest[1]) && is_hexadecimal(rest[2]) &&
                      rest[3] == ':' && is_hexadecimal(rest[4]) && is_hexadecimal(rest[5]) &&
                      rest[6] == '.' && rest[7] >= '0' && rest[7] <= '7';
  return shaped ? text.substr(0, domain + 8) : std::string_view();
}

}  // namespace cleave
