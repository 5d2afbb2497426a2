// What `cleave setup` and `cleave up` do alike: show what a way wants of the host, have it tried or
// made permanent, and tell where it stands.
#pragma once

#include "app/setup.h"
#include "base/json.h"
#include "base/result.h"
#include "cli/command.h"
#include "facts/facts.h"
#include "host/host.h"
#include "ways/way.h"

namespace cleave {

struct SetupWish {
  DiagnosisScope scope;   // which way, on which GPU
  bool no_trial = false;  // permanent at once
};

Json status_json(const SetupStatus& status);
// NeedsReboot while something waits for the next start.
Result<ExitStatus> show_setup_status(CommandContext& context, HostWriter& host);

// The plan and nothing more, of this machine or a captured one.
Result<ExitStatus> show_setup(const CommandContext& context, const HostReader& host, Facts facts,
                              const SetupWish& wish);

// Takes back what a crash left open. True: a trial waits for its start or its end, and nothing else
// is to be begun. A user who may not look begins nothing either: false.
Result<bool> trial_waits(CommandContext& context, HostWriter& host);

// Once trial_waits() has said no.
Result<ExitStatus> set_up(CommandContext& context, HostWriter& host, Facts facts,
                          const SetupWish& wish);

}  // namespace cleave
