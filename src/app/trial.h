// Trying a set-up for one start: the changed arguments come from an entry of the boot menu that is
// used once, a unit looks whether what was wanted is there, and only then it is made for good. All
// that a trial leaves on the host is one transaction of kind kTrialPlan.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/setup.h"
#include "apply/transaction.h"
#include "base/json.h"
#include "base/result.h"
#include "host/host.h"

namespace cleave {

// Beside the transactions.
inline constexpr const char* kTrialFile = "trial.json";
inline constexpr const char* kLastTrialFile = "last-trial.json";

// What the start that is tried must know, kept in STATE/trial.json.
struct Trial {
  std::string way;
  std::string mode;
  std::string gpu;                   // its address
  std::vector<std::string> words;    // all that the entry gives the kernel, with `marker`
  std::string marker;                // "cleave.trial=3f2a91c0": tells that start from all others
  std::vector<std::string> modules;  // that must be loaded
  bool once = false;                 // the loader starts it by itself
  std::string program;               // this very program's file
  std::string entry;                 // LoaderEntrySelected of the boot in which it was prepared
  std::string boot;                  // id of the boot in which it was prepared
  std::vector<std::string> failing;  // ids of rules that failed before
  bool graphical = false;            // a graphical session or its login screen was up
};

Json to_json(const Trial& trial);
// Bounded; Malformed.
Result<Trial> trial_from_json(const Json& json);

// At a seat of this machine: somebody's desktop, or the login screen.
bool has_graphical_session(const Facts& facts);

// Whether cleave was called over the network: nobody may be near the power button.
bool is_called_from_afar(const Facts& facts);

struct PreparedTrial {
  Trial trial;
  Plan plan;
  Message why_not_once;  // where somebody has to choose the entry in the menu
  std::string title;
};

// Errors: Unsupported where no start can be tried, and why. `program`: this very program's file,
// which the unit starts. `random`: 8 hexadecimal digits.
Result<PreparedTrial> prepare_trial(const HostReader& host, const PreparedSetup& setup,
                                    const std::string& state_directory, const std::string& program,
                                    const std::string& random);

enum class TrialResult : std::uint8_t {
  None,       // nothing is being tried
  Waiting,    // for the start that is to try it
  Confirmed,  // it worked, and is for good now
  Failed,     // it is taken back
};
const char* trial_result_name(TrialResult result);  // "none", …

struct TrialReport {
  TrialResult result = TrialResult::None;
  std::string way;
  std::vector<Message> reasons;  // why it failed
  bool restart = false;          // the running system still has what was tried
};

Json to_json(const TrialReport& report);
Result<TrialReport> trial_report_from_json(const Json& json);

// What became of the last trial: STATE/last-trial.json; NotFound if there was none.
Result<TrialReport> last_trial(const HostReader& host, const std::string& state_directory);
// The trial that waits or runs; NotFound if there is none.
Result<Trial> current_trial(const HostReader& host, const std::string& state_directory);

struct SettleRequest {
  std::string state_directory;
  // How long the modules and the graphical session may take to appear after the start.
  std::chrono::seconds patience{90};
};

// Looks whether a trial is over, and ends it: makes it permanent or takes it back, and notes the
// result for the next login. What a power cut left open is finished first. Idempotent.
Result<TrialReport> settle_trial(HostWriter& host, Transactions& transactions,
                                 const SettleRequest& request);

}  // namespace cleave
