// The use case of `cleave setup`: from the diagnosis to a plan of what a way wants of this host,
// and back. Deciding (prepare_…) is apart from doing, so that the plan can be shown in between.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apply/transaction.h"
#include "base/result.h"
#include "facts/boot_loader.h"
#include "facts/facts.h"
#include "host/host.h"
#include "plan/boot/loader.h"
#include "plan/preparation.h"
#include "ways/way.h"

namespace cleave {

struct SetupRequest {
  std::optional<std::string> way;  // default: the best that needs nothing but changes by cleave
  std::optional<PciAddress> gpu;   // default: the one that the way is best on
  std::string program;             // this very program's file, for hooks of package managers
};

// How the running system was started where a trial did it.
struct TriedStart {
  std::vector<std::string> words;  // that the trial's entry gave the kernel, and no file has
  std::string entry;  // what LoaderEntrySelected said at the start before; may be empty
};

using FileTexts = std::map<std::string, std::string, std::less<>>;

struct PreparedSetup {
  std::unique_ptr<const Facts> facts;
  std::string way;
  const Mode* mode = nullptr;
  PciAddress gpu;
  std::string gpu_name;
  Preparation preparation;  // all that is wanted, whether or not it is there
  BootLoader loader;
  FileTexts texts;  // of the files that the plan writes, as they are now
  Plan plan;        // for good; empty: everything is in its place
  // Words that the boot loader's files have, and the running kernel has not: they wait for a
  // restart.
  std::vector<std::string> waiting;
};

// `tried`: in a start that tries a set-up; the loader's files are then compared as if it had been
// the start before. Errors: NotFound if there is no such GPU; Unsupported if the way cannot be had
// on this machine (the deciding rule's reason and remedy), or cleave does not write for its boot
// loader; Conflict if the boot loader's files are not what this system was started with; Denied
// where root must look.
Result<PreparedSetup> prepare_setup(const HostReader& host, Facts facts,
                                    const SetupRequest& request,
                                    const std::optional<TriedStart>& tried = std::nullopt);

// What the loader reads when it starts, or a generator for it. Files that are missing have no
// entry.
FileTexts read_boot_texts(const HostReader& host, const Facts& facts, const BootLoader& loader);

// Busy while a package manager is at work: it may write the same files a moment later.
Result<void> refuse_beside_package_manager(const HostWriter& host);

// --- what stands

enum class ChangeState : unsigned char {
  InPlace,
  Edited,   // somebody changed the file since, and cleave's part is still in it
  Missing,  // it is not there any more
  Unknown,  // a command's effect, which nobody can look at
};
const char* change_state_name(ChangeState state);  // "in-place", …

struct SetupTransaction {
  TransactionRecord record;
  std::vector<ChangeState> states;  // one per change of record.plan
};

struct SetupStatus {
  std::vector<SetupTransaction> applied;  // of kinds kSetupPlan and kTrialPlan, by number
  std::vector<std::uint32_t> open;        // interrupted, not taken back yet
  std::vector<std::string> waiting;       // words that count from the next start on
};

Result<SetupStatus> setup_status(const HostReader& host, const Transactions& transactions);

// Conflict if the GPU is set up for a way that takes it away from this one, as passthrough does.
Result<void> refuse_beside_other_way(const SetupStatus& status, const PreparedSetup& setup);

// Takes back all set-ups and trials, the last first. Returns what was done in another way than byte
// for byte. Empty numbers: there was nothing to take back.
struct UndoReport {
  std::vector<std::uint32_t> numbers;
  std::vector<Message> notes;
};
Result<UndoReport> undo_setup(Transactions& transactions);

}  // namespace cleave
