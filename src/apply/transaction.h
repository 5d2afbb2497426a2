// Carries out a plan on a host: journal before effect, everything undone if a step fails.
//
// The journal of transaction N is STATE/transactions/N/journal, one JSON object a line, each
// fsynced before the effect it announces: {"begin":…}, {"intent":i}, {"done":i}, {"undone":i},
// {"end":"applied"|"undone"}. What a file held before lies beside it as before-I.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/host.h"
#include "plan/plan.h"

namespace cleave {

inline constexpr const char* kStateDirectory = "/var/lib/cleave";

struct TransactionRecord {
  std::uint32_t number = 0;
  Plan plan;
  std::vector<std::size_t> done;     // indexes of changes whose effect happened, in order
  std::vector<std::size_t> started;  // announced, outcome unknown (a crash between)
  enum class State : std::uint8_t { Open, Applied, Undone } state = State::Open;
};

struct ApplyReport {
  std::uint32_t transaction = 0;     // 0: nothing had to be done
  std::vector<std::size_t> skipped;  // changes that were done already
};

class Transactions {
 public:
  explicit Transactions(HostWriter& host, std::string state_directory = kStateDirectory);

  // Applies all changes or none. A failed change is undone together with those before it, and the
  // error says so. Denied if root is needed and the user is not root.
  Result<ApplyReport> apply(const Plan& plan);
  // Takes back what transaction `number` did, last change first. Idempotent.
  Result<void> undo(std::uint32_t number);
  // Finishes what a crash left open: open transactions are undone. Returns their numbers.
  Result<std::vector<std::uint32_t>> recover();
  [[nodiscard]] Result<std::vector<TransactionRecord>> list() const;

 private:
  HostWriter& host_;
  std::string state_directory_;
};

}  // namespace cleave
