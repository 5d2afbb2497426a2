// cleave trial: what the units of a trial start at boot. Not for people: they are told at login.
#include "app/trial.h"

#include "app/owner.h"
#include "cli/commands/all.h"
#include "cli/render/setup_text.h"

namespace cleave {
namespace {

// Shown by pam_motd(8) at the next logins of this boot.
constexpr const char* kLoginMessages = "/run/motd.d";
constexpr const char* kLoginMessage = "/run/motd.d/cleave";
constexpr std::size_t kLoginWidth = 80;

Result<void> tell_at_login(HostWriter& host, const std::vector<std::string>& all) {
  if (all.empty()) return {};
  std::string text;
  for (const std::string& line : all) text += line + "\n";
  TRY(host.create_directories(kLoginMessages));
  return host.replace_file(kLoginMessage, text);
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  SettleRequest request;
  request.state_directory = TRY(state_directory(*host));
  Transactions transactions(*host, request.state_directory);
  const TrialReport report = TRY(settle_trial(*host, transactions, request));
  const auto all = trial_report_lines(report, kLoginWidth);
  for (const std::string& line : all) context.say_text(line);
  TRY(tell_at_login(*host, all));
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
