// What the commands of `cleave vgpu` share: showing a plan, finishing what a crash left, and
// answering "no".
#pragma once

#include <optional>

#include "apply/transaction.h"
#include "cli/command.h"
#include "plan/plan.h"

namespace cleave {

// The machine that may be changed; Unsupported for a captured one, where nothing can be made.
Result<HostWriter*> changeable_host(CommandContext& context);

// Where a command of `cleave vgpu` changes the machine.
struct ChangeableHost {
  HostWriter* host = nullptr;
  Transactions transactions;
  bool dry_run = false;
};
Result<ChangeableHost> change_host(CommandContext& context);

// The purpose, then each change with what is written where.
void show_plan(const CommandContext& context, const Plan& plan);
// What is done to take a transaction back, last change first.
void show_undo(const CommandContext& context, const TransactionRecord& record);

// Takes back transactions that a crash left open, and says so.
Result<void> recover_first(const CommandContext& context, Transactions& transactions);

// The error's sentences on standard error, without the program's name twice.
void warn_of(const CommandContext& context, const Error& error);

// For errors of deciding, before anything is changed: a refusal is an answer and no failure. Its
// sentences are printed and its exit status returned: 2 if the request is malformed or leaves a
// choice open, 1 if the answer is no. Empty if the error is a failure after all.
std::optional<ExitStatus> answered(const CommandContext& context, const Error& error);
// The same, with the error itself where it is a failure.
Result<ExitStatus> answer(const CommandContext& context, const Error& error);
// For commands whose other refusals are failures: the value of an option that is none (Malformed)
// is wrong usage.
Result<ExitStatus> answer_if_misused(const CommandContext& context, const Error& error);

}  // namespace cleave
