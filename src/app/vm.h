// The use cases of `cleave vm`: from a definition to a running VM and back to nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "facts/facts.h"
#include "host/host.h"
#include "plan/plan.h"
#include "run/picture.h"
#include "run/qmp.h"
#include "run/supervisor.h"
#include "run/vm_state.h"
#include "vm/command_line.h"
#include "vm/template.h"
#include "vm/vm.h"
#include "ways/suspend.h"

namespace cleave {

// --- Definitions ----------------------------------------------------------------------------

struct LoadedVm {
  std::string file;
  std::string name;  // of the file, where the definition has problems
  std::string text;
  CheckedDefinition checked;
};

// By name or path. Malformed if it is no TOML; other mistakes are in `checked.problems`.
Result<LoadedVm> load_vm(const HostReader& host, const VmEnvironment& environment,
                         const std::string& name);

// As load_vm, but problems are an error (Malformed, naming the first with line and column).
Result<Vm> load_good_vm(const HostReader& host, const VmEnvironment& environment,
                        const std::string& name);

// Writes a new definition into the user's directory and returns its path. Conflict if there is
// one of that name.
Result<std::string> write_new_vm(HostWriter& host, const VmEnvironment& environment,
                                 const NewDefinition& wanted, const Translator& translate);

struct ListedVm {
  std::string name;
  std::string file;
  VmStatus status = VmStatus::NeverStarted;
  std::optional<std::uint32_t> process_id;  // of QEMU, while it runs
};
// By name. Definitions of the user hide those of the system with the same name.
Result<std::vector<ListedVm>> list_vms(const HostReader& host, const VmEnvironment& environment);

// --- Checking -------------------------------------------------------------------------------

// One thing that keeps this VM from starting here and now.
struct VmProblem {
  std::string id;                           // "disk.missing"; stable, for JSON
  ErrorCode code = ErrorCode::Unsupported;  // of the error that a start gives
  Message message;
  Message remedy;
};

// What the machine lacks for this VM; empty if nothing. Looks as the VM's owner.
// `gpu`: look at the vGPU, too (reads the facts of the machine).
Result<std::vector<VmProblem>> check_machine(const HostReader& host,
                                             const VmEnvironment& environment, const Vm& vm,
                                             bool gpu);

// The command line as it would be now. Where the vGPU is not there yet, its future path stands in.
Result<CommandLine> command_line_of(const HostReader& host, const VmEnvironment& environment,
                                    const Vm& vm);

// --- Running --------------------------------------------------------------------------------

struct StartRequest {
  Vm vm;
  std::string definition;  // the file, to be remembered
  // Shown the plan for the vGPU before anything is changed.
  std::function<void(const Plan&)> show_plan{};
  // Told when all is prepared and QEMU is started next.
  std::function<void()> before_launch{};
  std::chrono::milliseconds limit = std::chrono::minutes(1);  // for QEMU's monitor
  // Addresses of devices that are handed over though the host may need them.
  std::vector<std::string> force{};
};

// How the host gets back what the VM has of its devices.
enum class GiveBack : std::uint8_t {
  Nothing,   // there is nothing
  AtTheEnd,  // by itself, once the VM has ended
  ByRoot,    // by the next `cleave vm stop` or `vm give-back` of root
};

struct StartedVm {
  std::string name;
  std::string runtime_directory;
  std::string qmp_socket;
  std::string serial_socket;  // empty: the VM has no serial port
  ProcessIdentity qemu;
  std::optional<VgpuRecord> vgpu;
  std::vector<std::string> devices;  // PCI devices of the host that the VM has
  GiveBack give_back = GiveBack::Nothing;
  std::optional<Error> no_scope;  // why systemd does not see to it
  SuspendPolicy on_suspend;
  std::optional<Error> no_inhibitor;  // why the machine can be suspended, against that
  bool asked_before_sleep = true;     // the hook of `cleave setup` is there
  std::vector<Message> cleaned;       // what an earlier run had left
  std::vector<Message> failures;      // what could not be done though it runs
  Supervisor supervisor;              // tells the end while it is kept
};

// The VM runs and its monitor answers when this returns. If anything fails, nothing is left.
// Only from a process with one thread. Conflict if it runs already.
Result<StartedVm> start_vm(HostWriter& host, const VmEnvironment& environment,
                           const StartRequest& request);

// A VM by its name, whether it runs or not.
struct VmReport {
  std::string name;
  std::string runtime_directory;
  VmObservation seen;
  std::string guest_status;  // QMP's query-status: "running", "paused"; empty: not told
  // QEMU was asked and did not answer; a signal holds it (SIGSTOP).
  bool is_silent = false;
  bool is_stopped = false;
  std::optional<SuspendMark> suspend_mark;  // of this run: what was done for a suspend
};
// Clears away what a crash left. `ask_guest`: ask QEMU, too.
Result<VmReport> vm_status(const VmEnvironment& environment, const std::string& name,
                           bool ask_guest);

// What ended it. Agent: the guest, but only once its agent was asked.
enum class StopMeans : std::uint8_t { Guest, Agent, Quit, Kill };
const char* stop_means_name(StopMeans means);  // "guest", "guest-agent", "quit", "kill"

// Presses the power button, asks the guest's agent if that does not help, after `limit` has QEMU
// quit, and kills it if it does not even do that. NotFound if it does not run (not_running()).
struct StopReport {
  StopMeans means = StopMeans::Guest;
  VmReport after;
};
Result<StopReport> stop_vm(const HostReader& host, const VmEnvironment& environment,
                           const std::string& name, std::chrono::milliseconds limit);
Result<StopReport> kill_vm(const HostReader& host, const VmEnvironment& environment,
                           const std::string& name);

// The guest's screen as it is now. NotFound as stop_vm().
Result<Picture> take_picture(const HostReader& host, const VmEnvironment& environment,
                             const std::string& name);

// Saves it as a PNG file.
struct ScreenshotReport {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};
Result<ScreenshotReport> save_screenshot(const HostReader& host, const VmEnvironment& environment,
                                         const std::string& name, const std::string& file);

// Whether there is a QEMU of it.
bool is_alive(const VmObservation& seen);

// A connection to QEMU's monitor, for as long as it is kept: it serves one at a time. NotFound as
// stop_vm().
Result<QmpClient> connect_monitor(const HostReader& host, const VmEnvironment& environment,
                                  const std::string& name);

// One sentence: why it ended.
Message end_sentence(const VmEnd& end);

// Which process beside QEMU ended, and what that means for the guest.
Message lost_sentence(const LostCompanion& lost);

// Why the guest of that VM stands still, and what to do about it.
Message trouble_sentence(const DiskTrouble& trouble);
Message trouble_remedy(const std::string& vm);

}  // namespace cleave
