#include "cli/help.h"

#include <algorithm>

#include "base/text.h"
#include "cli/parse.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

std::string usage_line(const Command& command) {
  std::string line = "cleave " + std::string(command.name);
  if (!command.options.empty()) line += " [OPTION]…";
  for (const PositionalSpec& positional : command.positionals) {
    std::string word = positional.name;
    if (positional.repeatable) word += "…";
    line += positional.required ? " " + word : " [" + word + "]";
  }
  return line;
}

std::string option_text(const OptionSpec& option) {
  std::string text = option.name;
  if (option.value != nullptr) text += std::string(" ") + option.value;
  return text;
}

// "  left   right", the right column wrapped; all left cells have the same width.
std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows) {
  constexpr std::size_t kMargin = 2;
  std::size_t left_width = 0;
  for (const auto& [left, right] : rows) left_width = std::max(left_width, display_width(left));
  const std::size_t start = kMargin + left_width + 2;
  std::string text;
  for (const auto& [left, right] : rows) {
    const std::string padded =
        std::string(kMargin, ' ') + left + std::string(start - kMargin - display_width(left), ' ');
    text += wrap(padded + right, terminal_width(), start) + "\n";
  }
  return text;
}

std::string command_help(const Command& command) {
  std::string text = usage_line(command) + "\n\n";
  text += wrap(translate(command.summary), terminal_width()) + "\n";
  std::vector<std::pair<std::string, std::string>> rows;
  for (const PositionalSpec& positional : command.positionals) {
    rows.emplace_back(positional.name, translate(positional.help));
  }
  for (const OptionSpec& option : command.options) {
    rows.emplace_back(option_text(option), translate(option.help));
  }
  for (const OptionSpec& option : common_options()) {
    rows.emplace_back(option_text(option), translate(option.help));
  }
  return text + "\n" + two_columns(rows);
}

}  // namespace

std::string help_text(const std::string& topic, const std::vector<Command>& commands) {
  const auto exact =
      std::ranges::find_if(commands, [&](const Command& command) { return command.name == topic; });
  if (exact != commands.end()) return command_help(*exact);

  std::vector<std::pair<std::string, std::string>> rows;
  for (const Command& command : commands) {
    const bool wanted = topic.empty() || std::string_view(command.name).starts_with(topic + " ");
    if (wanted && !command.hidden) rows.emplace_back(command.name, translate(command.summary));
  }
  std::string text;
  if (topic.empty()) {
    text += "cleave COMMAND [OPTION]…\n\n";
    text += wrap(translate(N_("Gets a virtual machine running on a share of this machine's GPU.")),
                 terminal_width()) +
            "\n\n";
  }
  text += two_columns(rows) + "\n";
  std::vector<std::pair<std::string, std::string>> options;
  for (const OptionSpec& option : common_options()) {
    options.emplace_back(option_text(option), translate(option.help));
  }
  text += translate(N_("Every command takes:")) + "\n" + two_columns(options) + "\n";
  text += wrap(translate(N_("Exit status: 0 done or yes, 1 no or not ready, 2 bad usage, 3 failed, "
                            "4 needs root, 5 needs a reboot to go on.")),
               terminal_width()) +
          "\n";
  return text;
}

}  // namespace cleave
