// The command line → one row of all_commands() with its arguments, or an error that names the
// nearest thing that exists.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace cleave {

struct Invocation {
  const Command* command = nullptr;  // null: help or version was asked for
  Arguments arguments;
  std::string root = "/";
  bool json = false;
  bool help = false;
  bool version = false;
  std::string help_topic;  // "", "vgpu", "vgpu create"
};

// `words`: argv without the program's name. The error is Malformed: bad usage.
Result<Invocation> parse_command_line(const std::vector<std::string>& words,
                                      const std::vector<Command>& commands);

// The value of --lang wherever it stands, before anything else is understood (errors of parsing
// are translated, too); empty if it is not given.
std::string language_option(const std::vector<std::string>& words);

// Options that every command takes: --json, --lang, --root, --help.
const std::vector<OptionSpec>& common_options();

}  // namespace cleave
