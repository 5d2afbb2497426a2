#include "facts/platform.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

std::string module_name(std::string_view word) {
  std::string name(word);
  std::ranges::replace(name, '-', '_');
  return name;
}

void add_options(const std::vector<std::string_view>& parts, const std::string& source,
                 ModprobeFacts& facts) {
  auto& options = facts.options[module_name(parts[1])];
  for (std::size_t i = 2; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    const bool has_value = equals != std::string_view::npos;
    options.push_back({.parameter = module_name(parts[i].substr(0, equals)),
                       .value = has_value ? std::string(parts[i].substr(equals + 1)) : "",
                       .source = source});
  }
}

void add_line(std::string_view line, const std::string& source, ModprobeFacts& facts) {
  const auto parts = words(line);
  if (parts.size() >= 3 && parts[0] == "options") add_options(parts, source, facts);
  if (parts.size() >= 2 && parts[0] == "blacklist") {
    facts.blacklisted.try_emplace(module_name(parts[1]), source);
  }
}

}  // namespace

std::string parse_lockdown(std::string_view text) {
  const std::size_t open = text.find('[');
  if (open == std::string_view::npos) return {};
  const std::size_t close = text.find(']', open);
  if (close == std::string_view::npos) return {};
  return std::string(text.substr(open + 1, close - open - 1));
}

std::vector<std::string> parse_framebuffers(std::string_view text) {
  constexpr std::size_t kMaximum = 32;  // FB_MAX, include/uapi/linux/fb.h
  std::vector<std::string> names;
  for (const std::string_view line : lines(text)) {
    if (names.size() == kMaximum) break;
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos || !parse_unsigned<unsigned>(line.substr(0, blank)))
      continue;
    names.push_back(printable(trim(line.substr(blank + 1))));
  }
  return names;
}

void parse_modprobe_file(std::string_view text, const std::string& source, ModprobeFacts& facts) {
  std::string whole;
  for (const std::string_view line : lines(text)) {
    // A backslash at its end joins a line with the next one, without a blank between them
    // (freadline_wrapped, shared/util.c of kmod).
    if (line.ends_with('\\')) {
      whole += line.substr(0, line.size() - 1);
      continue;
    }
    whole += line;
    add_line(whole, source, facts);
    whole.clear();
  }
  add_line(whole, source, facts);
}

}  // namespace cleave
