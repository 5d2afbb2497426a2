// cleave trial: what the units of a trial start at boot. Not for people: they are told at login.
#include "app/trial.h"

#include "app/owner.h"
#include "cli/commands/all.h"
#include "cli/commands/login_message.h"
#include "cli/render/setup_text.h"

namespace cleave {
namespace {

constexpr std::size_t kLoginWidth = 80;

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  SettleRequest request;
  request.state_directory = TRY(state_directory(*host));
  Transactions transactions(*host, request.state_directory);
  const TrialReport report = TRY(settle_trial(*host, transactions, request));
  const auto all = trial_report_lines(report, kLoginWidth);
  std::string text;
  for (const std::string& line : all) {
    context.say_text(line);
    text += line + "\n";
  }
  if (!text.empty()) TRY(tell_at_login(*host, "cleave", text));
  context.print_json(to_json(report));
  return ExitStatus::Done;
}

}  // namespace

const Command kTrialCommand = {
    .name = "trial",
    .summary = N_("Look whether a trial is over, and end it"),
    .options = {},
    .positionals = {},
    .run = run,
    .hidden = true,
};

}  // namespace cleave
