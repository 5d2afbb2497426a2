// A command of the CLI as a row: its name, what it takes, and its function. Parsing (parse.cc),
// help, completion and the contract tests all come from these rows. A new command is one file in
// commands/ and one line in commands/all.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/message.h"
#include "base/result.h"
#include "host/host.h"

namespace cleave {

enum class ExitStatus : std::uint8_t {
  Done = 0,      // done, or the answer is yes
  NotReady = 1,  // the answer is no, or not ready
  BadUsage = 2,
  Failed = 3,
  NeedsRoot = 4,
  NeedsReboot = 5,  // a reboot is needed to go on
};

struct OptionSpec {
  const char* name;   // "--type"
  const char* value;  // name of its value, "TYPE"; null for a switch
  const char* help;   // N_
  bool repeatable = false;
  bool number = false;  // its value is a whole number above 0
  // The only values it can have, where they are known before the command looks at anything.
  std::vector<std::string> (*choices)() = nullptr;
};

struct PositionalSpec {
  const char* name;  // "NAME"
  const char* help;  // N_
  bool required = true;
  bool repeatable = false;  // takes all that follow; "--" ends options
};

// What the person typed, checked against the row.
class Arguments {
 public:
  std::map<std::string, std::vector<std::string>, std::less<>> values;  // by option or positional

  [[nodiscard]] bool has(std::string_view name) const { return values.find(name) != values.end(); }
  [[nodiscard]] std::optional<std::string> get(std::string_view name) const {
    const auto found = values.find(name);
    if (found == values.end() || found->second.empty()) return std::nullopt;
    return found->second.back();
  }
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const {
    const auto found = values.find(name);
    return found == values.end() ? std::vector<std::string>() : found->second;
  }
};

// Where a command's words go, and what it may ask for. Made once, in main.
class CommandContext {
 public:
  CommandContext(Arguments arguments, std::string root, bool json);

  [[nodiscard]] const Arguments& arguments() const { return arguments_; }
  [[nodiscard]] bool wants_json() const { return json_; }
  // The machine under --root (or "/"); NotFound or Denied if that cannot be opened.
  Result<HostWriter*> host();
  [[nodiscard]] const std::string& root() const { return root_; }

  // Standard output, translated. `say` is for people and is silent with --json.
  void say(const Message& message) const;
  void say_text(std::string_view text) const;  // already translated or not a sentence; adds "\n"
  void print_json(const Json& json) const;     // only with --json
  // Standard error: what went wrong without ending the command.
  void warn(const Message& message) const;

 private:
  Arguments arguments_;
  std::string root_;
  bool json_;
  std::unique_ptr<HostWriter> host_;
};

struct Command {
  const char* name;     // "doctor", "vgpu create"
  const char* summary;  // N_: one line
  std::vector<OptionSpec> options;
  std::vector<PositionalSpec> positionals;
  Result<ExitStatus> (*run)(CommandContext&);
  bool hidden = false;  // not in the help: for cleave's own use
};

// In the order of the help. commands/all.cc.
const std::vector<Command>& all_commands();

// The exit status that an error leads to: Denied → NeedsRoot only where root would help.
ExitStatus exit_status_of(const Error& error);

}  // namespace cleave
