// The host goes to sleep and wakes up: what each running VM and each vGPU needs before and after.
// systemd calls it, as root (app/units.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "app/owner.h"
#include "apply/transaction.h"
#include "base/result.h"
#include "host/host.h"
#include "run/vm_state.h"
#include "ways/suspend.h"

namespace cleave {

// Where VMs have their runtime directories: UID/cleave/NAME, and NAME.
struct RuntimePlaces {
  std::string of_users = "/run/user";
  std::string of_system = "/run/cleave";
};

// What happened to one VM or vGPU; the names are used in JSON.
enum class SleepDone : std::uint8_t {
  Kept,       // "kept": needs nothing
  Paused,     // "paused"
  Stopped,    // "stopped"
  Refused,    // "refused": the host must not sleep
  Removed,    // "removed": a vGPU, which is made again afterwards
  Continued,  // "continued"
  Made,       // "made": the vGPU is there again
  Failed,     // "failed": afterwards, it is not as it was before
};
const char* sleep_done_name(SleepDone done);

struct SleepStep {
  std::string vm;    // empty: of a vGPU
  std::string user;  // whose VM it is
  std::string vgpu;  // its UUID
  SleepDone done = SleepDone::Kept;
  Message text;
  Message reason;  // may be empty
};

struct SleepReport {
  std::vector<SleepStep> steps;

  [[nodiscard]] bool has(SleepDone done) const;
};

// The running kernel's release; empty if it cannot be read.
std::string kernel_release(const HostReader& host);

// A VM that runs, or is being started, whoever started it.
struct RunningVm {
  Owner owner;
  std::string name;
  std::string directory;
  VmStatus status = VmStatus::Running;
  VmState state;
  SuspendPolicy policy;
};

// Looks into every user's runtime directories, as that user. Those that cannot be looked into are
// added to `unknown` as refusals: what runs there nobody could tell.
std::vector<RunningVm> running_vms(const HostReader& host, const RuntimePlaces& places,
                                   std::vector<SleepStep>& unknown);

// Asks guests to shut down (all at once, `limit` for all of them), pauses, removes vGPUs that this
// kernel does not bear. If the report has a refusal the host must not sleep: after_sleep() puts
// right what was done already.
SleepReport before_sleep(HostWriter& host, Transactions& transactions, const RuntimePlaces& places,
                         std::chrono::milliseconds limit);

// Makes the vGPUs again that before_sleep() removed, and continues what it paused. Nothing to do is
// an empty report.
SleepReport after_sleep(HostWriter& host, Transactions& transactions, const RuntimePlaces& places);

// The part of it that is about vGPUs (sleep_vgpus.cc).
void remove_vgpus(HostWriter& host, Transactions& transactions, SleepReport& report);
void make_vgpus_again(HostWriter& host, Transactions& transactions, SleepReport& report);

// What a person is told of a running VM: what a suspend does to it. The reason stands beside it.
Message suspend_sentence(const std::string& name, OnSuspend action);
// That of the VM of this state on this kernel.
SuspendPolicy policy_of(const VmState& state, const std::string& release);

}  // namespace cleave
