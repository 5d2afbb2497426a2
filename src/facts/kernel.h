// The running kernel: release, command line, configuration, modules.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/fact.h"

namespace cleave {

// The command line split as the kernel does (lib/cmdline.c next_arg, kernel/params.c parse_args):
// quotes protect blanks, dashes and underscores in names are the same, and what stands behind "--"
// belongs to init and is no argument here.
struct KernelArgument {
  std::string name;  // as written
  std::optional<std::string> value;

  bool operator==(const KernelArgument&) const = default;
};

struct KernelCommandLine {
  std::string text;
  std::vector<KernelArgument> arguments;

  // The value that is effective: the last one given, and "" for a name without a value.
  // Empty optional: not given.
  [[nodiscard]] std::optional<std::string> last_value(std::string_view name) const;
};

KernelCommandLine parse_kernel_command_line(std::string_view text);

// CONFIG_X=value of a kernel configuration, without the CONFIG_ prefix. "# CONFIG_X is not set"
// is kept as "n"; a symbol that is not mentioned is not in the map. Quotes of strings are taken
// off. Lines of another form are passed over; of more than 100,000 symbols the rest is left out.
using KernelConfig = std::map<std::string, std::string, std::less<>>;
KernelConfig parse_kernel_config(std::string_view text);

struct KernelModule {
  bool loaded = false;    // /sys/module/NAME is there and has initstate, or it is in /proc/modules
  bool built_in = false;  // in modules.builtin
  bool on_disk = false;   // in modules.dep
  std::map<std::string, Fact<std::string>, std::less<>> parameters;  // of /sys/module/NAME
};

struct KernelFacts {
  Fact<std::string> release;  // "6.1.0-56-amd64"
  Fact<std::string> version;  // /proc/version
  Fact<KernelCommandLine> command_line;
  Fact<KernelConfig> config;
  std::map<std::string, KernelModule, std::less<>> modules;  // those that rules ask about
  Fact<bool> module_list;   // known: /proc/modules could be read, `loaded` can be trusted
  Fact<bool> module_files;  // known: modules.dep could be read, `on_disk` can be trusted

  // The module's record, with dashes and underscores alike; an empty record if nobody looked.
  [[nodiscard]] const KernelModule& module(std::string_view name) const;
};

}  // namespace cleave
