// Small text tools without domain words. All are total: bad input gives an empty optional or an
// empty list, never a throw.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

std::string_view trim(std::string_view text);

// Pieces between separators, empty pieces kept: "a,,b" → "a", "", "b".
std::vector<std::string_view> split(std::string_view text, char separator);

// Lines without their ends; the last line needs no newline; "\r\n" counts as one end.
std::vector<std::string_view> lines(std::string_view text);

// Words between runs of blanks and tabs.
std::vector<std::string_view> words(std::string_view text);

std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string lower_case(std::string_view text);  // ASCII only
std::string replace_all(std::string text, std::string_view from, std::string_view to);

// Number of single-character edits (Levenshtein) from one word to the other.
size_t edit_distance(std::string_view from, std::string_view to);

// The candidate that a person most likely meant by `word`; empty if none is near.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

// The whole of `text` as a number in `base`, no sign, no blanks, no prefix.
template <std::unsigned_integral Unsigned>
std::optional<Unsigned> parse_unsigned(std::string_view text, int base = 10) {
  Unsigned number = 0;
  const char* const begin = text.data();  // NOLINT(bugprone-suspicious-stringview-data-usage)
  const char* const end = begin + text.size();
  const auto [stop, problem] = std::from_chars(begin, end, number, base);
  if (problem != std::errc() || stop != end || text.empty()) return std::nullopt;
  return number;
}

// As parse_unsigned, but "0x" in front is allowed (sysfs prints ids like that).
template <std::unsigned_integral Unsigned>
std::optional<Unsigned> parse_hexadecimal(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  return parse_unsigned<Unsigned>(text, 16);
}

// Bytes that are not valid UTF-8 and control characters (but newline and tab) become U+FFFD, so
// that text from a device or a guest cannot confuse a terminal.
std::string printable(std::string_view bytes);

}  // namespace cleave
