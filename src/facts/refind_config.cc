#include "facts/refind_config.h"

#include <string>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestText = std::size_t{1} << 20U;
constexpr std::size_t kMostEntries = 1000;
constexpr std::size_t kMostTokens = 64;  // of one line

// One line's tokens (ReadTokenLine of rEFInd's refind/config.c): blanks, "=" and "," separate them,
// quotes hold them together, and two quotes inside quotes are one.
std::vector<std::string> tokens_of(std::string_view line) {
  std::vector<std::string> tokens;
  std::size_t at = 0;
  while (at < line.size() && tokens.size() < kMostTokens) {
    if (std::string_view(" \t=,").contains(line[at])) {
      ++at;
      continue;
    }
    if (line[at] == '#') break;
    std::string token;
    if (line[at] == '"') {
      for (++at; at < line.size(); ++at) {
        if (line[at] == '"') {
          if (at + 1 >= line.size() || line[at + 1] != '"') break;
          ++at;
        }
        token += line[at];
      }
      ++at;
    } else {
      while (at < line.size() && !std::string_view(" \t=,#").contains(line[at]))
        token += line[at++];
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

bool is_text(std::string_view text) {
  return text.size() <= kLongestText && text.find('\0') == std::string_view::npos;
}

void finish(std::vector<BootEntry>& entries, BootEntry& entry, bool usable) {
  entry.recovery = is_recovery("", entry.arguments);
  if (usable && entries.size() < kMostEntries) entries.push_back(std::move(entry));
  entry = BootEntry();
}

}  // namespace

std::vector<BootEntry> parse_refind_linux(std::string_view text) {
  std::vector<BootEntry> entries;
  if (!is_text(text)) return entries;
  for (const std::string_view line : lines(text)) {
    std::vector<std::string> tokens = tokens_of(line);
    if (tokens.size() < 2) continue;
    BootEntry entry;
    entry.title = printable(tokens[0]);
    entry.arguments = std::move(tokens[1]);
    finish(entries, entry, true);
  }
  return entries;
}

std::vector<BootEntry> parse_refind_stanzas(std::string_view text) {
  std::vector<BootEntry> entries;
  if (!is_text(text)) return entries;
  BootEntry entry;
  bool inside = false;
  bool in_submenu = false;
  bool disabled = false;
  for (const std::string_view line : lines(text)) {
    std::vector<std::string> tokens = tokens_of(line);
    if (tokens.empty()) continue;
    const std::string word = lower_case(tokens[0]);
    if (word == "menuentry" && tokens.size() > 1) {
      entry = BootEntry();
      entry.title = printable(tokens[1]);
      inside = true;
      in_submenu = false;
      disabled = false;
    } else if (!inside) {
      continue;
    } else if (word == "submenuentry") {
      in_submenu = true;  // changes the entry for one more row; the entry itself counts
    } else if (word == "}") {
      if (!in_submenu) {
        finish(entries, entry, !entry.kernel.empty() && !disabled);
        inside = false;
      }
      in_submenu = false;
    } else if (!in_submenu) {
      if (word == "disabled") disabled = true;
      if (tokens.size() < 2) continue;
      if (word == "loader") entry.kernel = tokens[1];
      if (word == "initrd") entry.initrds.push_back(tokens[1]);
      if (word == "options") entry.arguments = std::move(tokens[1]);
    }
  }
  return entries;
}

}  // namespace cleave
