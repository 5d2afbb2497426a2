#include "facts/kernel.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

constexpr size_t kMaximumSymbols = 100'000;  // kernels of 2026 have about 11,000

// isspace() of the kernel (lib/ctype.c): the ASCII blanks, and A0h, the blank of Latin-1.
bool is_kernel_blank(char letter) {
  return letter == ' ' || (letter >= '\t' && letter <= '\r') || letter == '\xA0';
}

std::string_view without_leading_blanks(std::string_view text) {
  const auto* first = std::ranges::find_if_not(text, is_kernel_blank);
  return text.substr(static_cast<size_t>(first - text.begin()));
}

// Takes one argument from the front of `rest`, as next_arg of lib/cmdline.c does.
KernelArgument take_argument(std::string_view& rest) {
  const bool quoted = rest.starts_with('"');
  if (quoted) rest.remove_prefix(1);
  bool in_quote = quoted;
  size_t equals = 0;  // an equals sign in the first place counts as part of the name
  size_t end = 0;
  for (; end < rest.size() && (in_quote || !is_kernel_blank(rest[end])); ++end) {
    if (rest[end] == '=' && equals == 0) equals = end;
    if (rest[end] == '"') in_quote = !in_quote;
  }
  std::string_view token = rest.substr(0, end);
  rest = without_leading_blanks(rest.substr(end));

  const bool value_quoted = equals != 0 && token.substr(equals + 1).starts_with('"');
  if ((quoted || value_quoted) && token.ends_with('"')) token.remove_suffix(1);
  if (equals == 0) return {.name = std::string(token), .value = std::nullopt};
  std::string_view value = token.substr(std::min(equals + 1, token.size()));
  if (value.starts_with('"')) value.remove_prefix(1);
  return {.name = std::string(token.substr(0, equals)), .value = std::string(value)};
}

// parameq of kernel/params.c: dashes and underscores are the same.
bool same_name(std::string_view left, std::string_view right) {
  const auto folded = [](char letter) { return letter == '-' ? '_' : letter; };
  return std::ranges::equal(left, right, {}, folded, folded);
}

// A string of Kconfig: in quotes, with \" and \\ inside.
std::string unquoted(std::string_view value) {
  if (value.size() < 2 || !value.starts_with('"') || !value.ends_with('"')) {
    return std::string(value);
  }
  value = value.substr(1, value.size() - 2);
  std::string plain;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    plain += value[i];
  }
  return plain;
}

}  // namespace

std::optional<std::string> KernelCommandLine::last_value(std::string_view name) const {
  for (auto argument = arguments.rbegin(); argument != arguments.rend(); ++argument) {
    if (same_name(argument->name, name)) return argument->value.value_or("");
  }
  return std::nullopt;
}

KernelCommandLine parse_kernel_command_line(std::string_view text) {
  KernelCommandLine command_line;
  command_line.text = trim(text);
  // The kernel's own text is a C string.
  std::string_view rest = without_leading_blanks(text.substr(0, text.find('\0')));
  while (!rest.empty()) {
    KernelArgument argument = take_argument(rest);
    if (argument.name == "--" && !argument.value) break;
    command_line.arguments.push_back(std::move(argument));
  }
  return command_line;
}

KernelConfig parse_kernel_config(std::string_view text) {
  constexpr std::string_view kSymbol = "CONFIG_";
  constexpr std::string_view kUnset = "# CONFIG_";
  constexpr std::string_view kIsNotSet = " is not set";
  KernelConfig config;
  while (!text.empty() && config.size() < kMaximumSymbols) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(kSymbol)) {
      const size_t equals = line.find('=');
      if (equals == std::string_view::npos) continue;
      config.insert_or_assign(std::string(line.substr(kSymbol.size(), equals - kSymbol.size())),
                              unquoted(line.substr(equals + 1)));
    } else if (line.starts_with(kUnset) && line.ends_with(kIsNotSet)) {
      const std::string_view name = line.substr(0, line.size() - kIsNotSet.size());
      config.insert_or_assign(std::string(name.substr(std::min(kUnset.size(), name.size()))), "n");
    }
  }
  return config;
}

const KernelModule& KernelFacts::module(std::string_view name) const {
  static const KernelModule kNone;
  const auto found = std::ranges::find_if(
      modules, [name](const auto& entry) { return same_name(entry.first, name); });
  return found == modules.end() ? kNone : found->second;
}

}  // namespace cleave
