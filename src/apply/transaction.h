// Carries out a plan on a host: journal before effect, everything undone if a step fails.
//
// The journal of transaction N is STATE/transactions/N/journal (apply/journal.h); each line is on
// the disk before the effect it announces. What a file held before lies beside it as before-I.
// STATE/lock is held while anything changes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/host.h"
#include "plan/plan.h"

namespace cleave {

inline constexpr const char* kStateDirectory = "/var/lib/cleave";

struct TransactionRecord {
  std::uint32_t number = 0;
  std::int64_t time = 0;  // when it began: seconds since 1970, UTC
  Plan plan;
  std::vector<std::size_t> done;     // changes whose effect happened and is not undone, in order
  std::vector<std::size_t> started;  // announced, outcome unknown (a crash between)
  enum class State : std::uint8_t { Open, Applied, Undone } state = State::Open;
};

// Denied, with what to do.
Error needs_root();

struct ApplyReport {
  std::uint32_t transaction = 0;     // 0: nothing had to be done
  std::vector<std::size_t> skipped;  // changes that were done already
};

class Transactions {
 public:
  explicit Transactions(HostWriter& host, std::string state_directory = kStateDirectory);

  // Applies all changes or none. A failed change is undone together with those before it; the
  // error tells the cause and, in its context, that everything was put back or what could not be.
  // Changes that are done already are skipped. Errors: Conflict if the plan contradicts itself, a
  // file changed since the plan, or an earlier transaction is open (recover() first); Denied if
  // root is needed and the user is not root; Busy if another cleave is changing the host;
  // Interrupted if a signal came that ends the program, which who prints the outcome has to do
  // (SignalsKept::end_program).
  Result<ApplyReport> apply(const Plan& plan);
  // Takes back what transaction `number` did, last change first. Idempotent. What a reboot took
  // away counts as undone. Of a file that somebody changed after cleave only cleave's part is taken
  // out, which the notes that are returned tell; a file that is cleave's as a whole and was changed
  // is left alone, and named in the error, while all the rest is put back.
  Result<std::vector<Message>> undo(std::uint32_t number);
  // Finishes what a crash left open: transactions that were being applied or undone are undone, the
  // last first. Returns their numbers.
  Result<std::vector<std::uint32_t>> recover();
  // By number. A transaction of which nothing is left, since all it did went with a reboot or with
  // its device, is Undone. Empty if there are none; an unreadable journal is an error.
  [[nodiscard]] Result<std::vector<TransactionRecord>> list() const;

 private:
  struct Stored;

  [[nodiscard]] std::string directory_of(std::uint32_t number) const;
  [[nodiscard]] Result<std::vector<std::uint32_t>> numbers() const;
  [[nodiscard]] Result<Stored> load(std::uint32_t number) const;
  [[nodiscard]] Result<std::vector<Stored>> load_all() const;
  [[nodiscard]] std::string boot_id() const;
  [[nodiscard]] bool is_left(const Stored& stored, std::size_t change) const;
  [[nodiscard]] TransactionRecord record_of(const Stored& stored) const;
  [[nodiscard]] Result<std::unique_ptr<HostWriter::Lock>> lock();
  Result<Stored> begin(const Plan& plan);
  void forget_what_boots_took(const std::vector<Stored>& all);
  Result<bool> step(Stored& stored, std::size_t change);
  Result<void> append(const Stored& stored, const std::string& line);
  Result<void> mend(const Stored& stored);
  Result<std::vector<Message>> undo_applied(const Stored& stored);
  Result<std::vector<Message>> take_back(const Stored& stored);
  Error roll_back(const Stored& stored, Error cause);

  HostWriter& host_;
  std::string state_directory_;
};

}  // namespace cleave
