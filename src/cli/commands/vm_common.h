// What the commands of `cleave vm` share.
#pragma once

#include <string>

#include "app/vm.h"
#include "cli/command.h"

namespace cleave {

// The VM that the command was given.
std::string vm_argument(const CommandContext& context);

// A whole number of seconds; Malformed for anything else.
Result<std::chrono::milliseconds> seconds_option(const CommandContext& context, const char* option,
                                                 std::chrono::seconds otherwise);

// For what is done to a VM that runs: that it does not run, that there is none of that name or that
// there can be none is the command's answer (vgpu_common.h, answer()); everything else is a
// failure.
Result<ExitStatus> answer_if_absent(const CommandContext& context, const Error& error);

Json problem_json(const VmProblem& problem);
Json problem_json(const DefinitionProblem& problem);
Json report_json(const VmReport& report);
// What was cleared away, and why the VM ended.
void tell_cleaned(const CommandContext& context, const std::vector<Message>& cleaned);
void tell_end(const CommandContext& context, const VmEnd& end);

// Prints the report of `vm stop` and `vm kill`.
// For root, whose VMs may have had devices of the host: gives back what ended VMs had. Does nothing
// for others.
Result<Json> give_back(CommandContext& context);

// Tells how it ended, and gives back what it had.
Result<void> tell_stop(CommandContext& context, const char* schema, const StopReport& report);

}  // namespace cleave
