#include "cli/commands/all.h"
#include "lab/agent.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& /*context*/) {
  TRY(run_laptop_agent());
  return ExitStatus::Done;
}

}  // namespace

const Command kLabAgentCommand = {
    .name = "lab-agent",
    .summary = N_("Serve as the first process of a virtual laptop"),
    .options = {},
    .positionals = {},
    .run = run,
    .hidden = true,
};

}  // namespace cleave
