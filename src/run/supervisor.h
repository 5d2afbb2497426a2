// The supervisor of one VM: a small process that starts QEMU, stays behind when `cleave vm start`
// has gone, and clears up when QEMU ends. One per VM; it sleeps until something happens.
//
// It is forked before the host is looked at (so that it stays small), becomes the VM's user at
// once, takes the lock of the runtime directory, and then does what the starter tells it. Until
// QEMU's monitor has answered it gives everything up when the starter dies.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "run/channel.h"
#include "run/launch_spec.h"
#include "run/process.h"
#include "run/vm_state.h"

namespace cleave {

struct SupervisorSpec {
  std::string vm_name;
  std::string definition;         // the file, for the state
  std::string runtime_directory;  // made (0700) if it is missing and the user may make it
  std::optional<Credentials> credentials{};    // of the VM's user; empty: this one
  std::optional<std::uint64_t> memory_lock{};  // bytes that QEMU may lock
  std::string way{};                           // for the state
  std::string on_suspend{};                    // for the state
};

// An open file that QEMU gets under that number, and that the supervisor closes when it has.
struct GivenFile {
  int number = 0;
  OwnedFd file;
};

struct LaunchedVm {
  ProcessIdentity qemu;
  ProcessIdentity supervisor;
  std::vector<Message> failures{};  // what could not be done though the VM runs
};

class Supervisor {
 public:
  // Only from a process with one thread. Conflict if this VM runs already (its process is named).
  static Result<Supervisor> start(const SupervisorSpec& spec);

  [[nodiscard]] const ProcessIdentity& identity() const { return identity_; }

  // What was cleared away from an earlier run that nobody ended.
  [[nodiscard]] const std::vector<Message>& cleaned() const { return cleaned_; }

  // Writes down which vGPU is about to be made for this VM. From then on the supervisor gives it
  // back however the VM ends.
  Result<void> announce(const VgpuRecord& vgpu);

  // Writes down which PCI devices of the host the VM has.
  Result<void> keep(const std::vector<std::string>& devices);
  // Keeps reservations (reservation.h), or what else is open and is to last as long as the
  // supervisor or QEMU.
  Result<void> keep_reservations(const std::vector<OwnedFd>& reservations);

  // At most JsonChannel::kMaximumDescriptors.
  Result<void> give(const std::vector<GivenFile>& files);

  // Returns when QEMU's monitor has answered. If it does not, all is cleared away already and the
  // error carries QEMU's own words.
  Result<LaunchedVm> launch(const LaunchSpec& spec);

  // After launch: the VM's end, or an empty optional after `limit`. An error if the supervisor is
  // killed.
  Result<std::optional<VmEnd>> wait(std::chrono::milliseconds limit);
  // Readable when wait() has something to tell.
  [[nodiscard]] int descriptor() const { return channel_.descriptor(); }

 private:
  explicit Supervisor(JsonChannel channel) : channel_(std::move(channel)) {}
  Result<Json> ask(const Json& request);
  Result<Json> answer();

  JsonChannel channel_;
  ProcessIdentity identity_;
  std::vector<Message> cleaned_;
};

// The body of the supervisor's process. Returns its exit status.
int supervise(const SupervisorSpec& spec, JsonChannel starter);

}  // namespace cleave
