// What the commands of the virtual laptop share: options, signals, the terminal.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "lab/laptop.h"

namespace cleave {

// --module-parameter, --kernel-argument, --memory.
std::vector<OptionSpec> laptop_options();
// Malformed: the value of an option is none that it can have, --limit and --name included.
Result<void> check_laptop_options(const CommandContext& context);
// The options of that name and what the environment says; Malformed as above.
Result<LaptopOptions> read_laptop_options(const CommandContext& context);
// --name, or "laptop".
std::string laptop_name(const CommandContext& context);
// --limit in seconds.
Result<std::chrono::seconds> command_limit(const CommandContext& context,
                                           std::chrono::seconds otherwise);

// While it lives, Ctrl-C and a request to end are news on a descriptor instead of the end, so that
// a laptop is taken down in order.
class CancelSignals {
 public:
  CancelSignals();
  CancelSignals(const CancelSignals&) = delete;
  CancelSignals& operator=(const CancelSignals&) = delete;
  ~CancelSignals();
  [[nodiscard]] int descriptor() const;
};

// Boots with one line a step on standard error.
Result<Laptop> boot_laptop(const LaptopOptions& options);

// The caller's directory, or "/" where the laptop has one of its own (/tmp, /run).
std::string directory_in_laptop();

// Bytes as they are, at once.
void write_bytes(int descriptor, std::string_view bytes);

}  // namespace cleave
