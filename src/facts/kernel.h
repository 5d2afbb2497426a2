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

// The command line split as the kernel does (lib/cmdline.c next_arg): quotes protect blanks, and
// dashes and underscores in names are the same.
struct KernelArgument {
  std::string name;  // as written
  std::optional<std::string> value;

  bool operator==(const KernelArgument&) const = default;
};

struct KernelCommandLine {
  std::string text;
  std::vector<KernelArgument> arguments;

  // The value that is effective: the last one given. Empty outer: not given.
  [[nodiscard]] std::optional<std::string> last_value(std::string_view name) const;
};

KernelCommandLine parse_kernel_command_line(std::string_view text);

// CONFIG_X=value of a kernel configuration, without the CONFIG_ prefix. "# CONFIG_X is not set"
// is kept as "n"; a symbol that is not mentioned is not in the map.
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
  Fact<bool> module_list;                                    // known: /proc/modules could be read

  // The module's record, with dashes and underscores alike; an empty record if nobody looked.
  [[nodiscard]] const KernelModule& module(std::string_view name) const;
};

}  // namespace cleave
