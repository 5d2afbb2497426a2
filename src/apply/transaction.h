// Carries out a plan on a host: journal before effect, everything undone if a step fails.
//
// The journal of transaction N is STATE/transactions/N/journal (apply/journal.h); each line is on
// the disk before the effect it announces, where the effect outlives a power cut; where none of the
// plan's does, it is in the file and nobody waits for the disk. What a file held before lies beside
// it as before-I. STATE/lock is held while anything changes.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
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

// Of one part of what apply_parts() was given.
struct PartReport {
  std::uint32_t transaction = 0;     // 0: nothing had to be done, or nothing is left of it
  std::vector<std::size_t> skipped;  // changes that were done already
  std::optional<Error> why;          // it was refused, and taken back
};

// Of the parts of apply_parts(). Any: several may be at work at once, where the host takes it (a
// driver that makes vGPUs is done with 64 in half the time); for parts whose success does not hang
// on who comes first.
enum class PartOrder : std::uint8_t { Given, Any };

class Transactions {
 public:
  explicit Transactions(HostWriter& host, std::string state_directory = kStateDirectory);

  // How long apply(), undo() and recover() wait for another cleave before they are Busy; not at all
  // if nobody says.
  void wait_for_others(std::chrono::milliseconds patience) { patience_ = patience; }

  // Applies all changes or none. A failed change is undone together with those before it; the
  // error tells the cause and, in its context, that everything was put back or what could not be.
  // Changes that are done already are skipped. Errors: Conflict if the plan contradicts itself, a
  // file changed since the plan, or an earlier transaction is open (recover() first); Denied if
  // root is needed and the user is not root; Busy if another cleave is changing the host;
  // Interrupted if a signal came that ends the program, which who prints the outcome has to do
  // (SignalsKept::end_program).
  Result<ApplyReport> apply(const Plan& plan);
  // As apply(), in as few transactions as there is room for, of parts that stand alone: one that
  // fails is taken back, and the others stay. Errors: what keeps all parts from being applied;
  // those of a part stand in its report.
  Result<std::vector<PartReport>> apply_parts(const Message& purpose,
                                              const std::vector<Plan>& parts,
                                              PartOrder order = PartOrder::Given);
  // Takes back what transaction `number` did, last change first. Idempotent. What a reboot took
  // away counts as undone. Of a file that somebody changed after cleave only cleave's part is taken
  // out, which the notes that are returned tell; a file that is cleave's as a whole and was changed
  // is left alone, and named in the error, while all the rest is put back.
  Result<std::vector<Message>> undo(std::uint32_t number);
  // The same of some of its changes; the others stay, whenever a crash comes.
  Result<void> undo_part(std::uint32_t number, const std::vector<std::size_t>& changes);
  // Finishes what a crash left open: transactions that were being applied or undone are undone, the
  // last first. Returns their numbers.
  Result<std::vector<std::uint32_t>> recover();
  // By number. A transaction of which nothing is left, since all it did went with a reboot or with
  // its device, is Undone. Empty if there are none; an unreadable journal is an error.
  [[nodiscard]] Result<std::vector<TransactionRecord>> list() const;

 private:
  struct Stored;
  // Changes of a plan: from `begin` up to, without, `end`.
  struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  [[nodiscard]] std::string directory_of(std::uint32_t number) const;
  [[nodiscard]] Result<std::vector<std::uint32_t>> numbers() const;
  [[nodiscard]] Result<Stored> load(std::uint32_t number) const;
  [[nodiscard]] Result<Stored> find(std::uint32_t number) const;
  [[nodiscard]] Result<std::vector<Stored>> load_all() const;
  // Number and text of journals; nobody changes them while the lock is held.
  using EndedJournals = std::vector<std::pair<std::uint32_t, std::string>>;
  // `ended`: takes the text of one that is not.
  [[nodiscard]] Result<bool> is_open(std::uint32_t number, EndedJournals* ended = nullptr) const;
  [[nodiscard]] std::string boot_id() const;
  [[nodiscard]] bool is_left(const Stored& stored, std::size_t change,
                             const std::string& boot) const;
  [[nodiscard]] TransactionRecord record_of(const Stored& stored) const;
  [[nodiscard]] Error busy() const;
  [[nodiscard]] Result<bool> has_work(const Plan& plan) const;
  [[nodiscard]] Result<std::unique_ptr<HostWriter::Lock>> lock();
  Result<Stored> begin(const Plan& plan);
  Result<void> forget_what_is_gone(const EndedJournals& all);
  Result<bool> step(Stored& stored, std::size_t change);
  Result<std::vector<std::size_t>> steps(Stored& stored, Range changes);
  Result<PartReport> apply_part(Stored& stored, const Plan& part, Range range);
  // In one transaction; adds a report for each part.
  Result<void> apply_batch(const Message& purpose, std::span<const Plan> parts, PartOrder order,
                           std::vector<PartReport>& reports);
  Result<std::vector<PartReport>> apply_each(Stored& stored, std::span<const Plan> parts,
                                             unsigned threads);
  Result<void> append(const Stored& stored, const std::string& line);
  Result<void> mend(const Stored& stored);
  Result<std::vector<Message>> undo_applied(const Stored& stored);
  Result<std::vector<Message>> take_back(const Stored& stored);
  Result<std::vector<Message>> take_back_changes(const Stored& stored,
                                                 const std::vector<std::size_t>& changes);
  Error roll_back(const Stored& stored, Error cause);
  Error roll_back_part(Stored& stored, Range changes, Error cause);
  static std::vector<std::size_t> indices(Range range);

  HostWriter& host_;
  std::string state_directory_;
  std::chrono::milliseconds patience_{0};
  // Who writes the journal, or what is known of it. Threads that apply parts of one transaction
  // take turns at that, and at nothing else.
  std::unique_ptr<std::mutex> turn_ = std::make_unique<std::mutex>();
};

}  // namespace cleave
