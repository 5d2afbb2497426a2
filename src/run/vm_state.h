// What is known of a VM outside of it: its runtime directory with lock, state, log and sockets.
//
// The lock file is held (flock) by the VM's supervisor for all its life, so "is it supervised" can
// be asked without trusting a number in a file. Everything is written down before it is done:
// whatever is killed at whatever point, observe_vm() finds it and clears it away.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/message.h"
#include "base/result.h"
#include "run/process.h"
#include "vm/runtime_files.h"

namespace cleave {

// Names inside a VM's runtime directory, beside those of vm/runtime_files.h.
inline constexpr const char* kStateFile = "state.json";
inline constexpr const char* kLockFile = "lock";
inline constexpr const char* kLogFile = "qemu.log";
inline constexpr const char* kScreenFile = "screen.ppm";
inline constexpr const char* kSuspendFile = "suspend.json";

// Why a VM ended; the names are used in JSON.
enum class VmEndKind : std::uint8_t {
  GuestShutdown,  // "guest-shutdown": the guest switched itself off
  HostRequest,    // "host-request": quit over QMP, SIGTERM, its window closed
  Killed,         // "killed": by a signal
  Failed,         // "failed": QEMU ended with a status other than 0
  NeverRan,       // "never-ran": the start was given up before QEMU answered
  Unknown,        // "unknown": nobody was there to see it (its supervisor was killed, too)
};
const char* end_kind_name(VmEndKind kind);

// A process that the VM needed beside QEMU, and that ended while QEMU ran.
struct LostCompanion {
  std::string name;
  int exit_status = 0;  // where it ended by itself
  int signal = 0;       // that killed it, or 0

  bool operator==(const LostCompanion&) const = default;
};

struct VmEnd {
  VmEndKind kind = VmEndKind::Unknown;
  int exit_status = 0;  // of QEMU, where it ended by itself
  int signal = 0;       // that killed QEMU, or 0
  // Where SIGKILL did: how many programs the kernel ended for lack of memory while QEMU ran.
  std::uint64_t memory_kills = 0;
  std::string shutdown_reason;  // QMP's ShutdownCause, "guest-shutdown"; empty: not told
  std::string last_words;       // the end of QEMU's standard error, at most 4 KiB, printable
  std::vector<LostCompanion> lost_companions{};  // before it
};

struct VgpuRecord {
  std::string uuid;
  std::string sysfs_path;  // /sys/bus/mdev/devices/UUID
  bool created = false;    // by this start: it is given back at the end
};

struct CompanionRecord {
  std::string name;  // "swtpm"
  ProcessIdentity process;
};

// Why the guest stands still: QEMU could not write to its disk.
struct DiskTrouble {
  std::string disk;    // its file, or QEMU's name of it
  std::string reason;  // the system's own words
  bool is_full = false;

  bool operator==(const DiskTrouble&) const = default;
};

enum class VmPhase : std::uint8_t { Starting, Running, Ended };

struct VmState {
  std::string name;
  std::string definition;  // the file it came from
  VmPhase phase = VmPhase::Starting;
  std::int64_t started_at = 0;  // seconds since 1970
  std::optional<ProcessIdentity> supervisor;
  std::optional<ProcessIdentity> qemu;
  std::optional<VgpuRecord> vgpu;
  std::vector<std::string> devices;  // of the host's PCI devices, by address
  // What decides about it when the host sleeps: its GPU's way, and on_suspend of its definition.
  std::string way;
  std::string on_suspend;
  std::vector<CompanionRecord> companions;     // as long as they may run
  std::vector<LostCompanion> lost_companions;  // of this run; afterwards they are in its end
  std::optional<DiskTrouble> disk_trouble;     // until the guest goes on
  std::optional<VmEnd> end;
};

Json to_json(const VmEnd& end);
Result<VmEnd> end_from_json(const Json& json);
Json to_json(const VmState& state);
// Malformed if a member is missing or of the wrong kind.
Result<VmState> state_from_json(const Json& json);

// Empty if the VM was never started. The file belongs to the VM's user: untrusted.
Result<std::optional<VmState>> read_state(const std::string& runtime_directory);
// At once or not at all.
Result<void> write_state(const std::string& runtime_directory, const VmState& state);

// Makes the directory where it is missing (parents too, all 0700) and refuses one that is not our
// own or that others may look into.
Result<void> prepare_runtime_directory(const std::string& runtime_directory);

// Empty if another process holds it.
Result<std::optional<OwnedFd>> lock_runtime_directory(const std::string& runtime_directory);

enum class VmStatus : std::uint8_t {
  NeverStarted,
  Starting,
  Running,
  Unsupervised,  // QEMU runs, but its supervisor is gone
  Ended,
};
const char* status_name(VmStatus status);  // "never-started", "running", …

struct VmObservation {
  VmStatus status = VmStatus::NeverStarted;
  VmState state;                 // all defaults if it was never started
  std::vector<Message> cleaned;  // what was found lying about and cleared away, or could not be
};

// Looks, and clears away what a crash left. To be called as the VM's user.
Result<VmObservation> observe_vm(const std::string& runtime_directory);

// The same for one who holds the lock already.
VmObservation observe_locked_vm(const std::string& runtime_directory, std::optional<VmState> state);

// What was done to a VM because the host went to sleep. Kept beside the state, which is its
// supervisor's alone.
struct SuspendMark {
  enum class Done : std::uint8_t { Paused, Stopped };
  Done done = Done::Paused;
  ProcessIdentity qemu;  // of which run: a mark of another one means nothing

  bool operator==(const SuspendMark&) const = default;
};

Result<void> write_suspend_mark(const std::string& runtime_directory, const SuspendMark& mark);
// That of this very run; empty if there is none, or none that can be understood.
std::optional<SuspendMark> suspend_mark(const std::string& runtime_directory, const VmState& state);
void remove_suspend_mark(const std::string& runtime_directory);

// Removes the sockets and pictures of a VM that has ended.
void remove_runtime_files(const std::string& runtime_directory);

// Gives a vGPU back that this VM made; nothing to do where it is gone or was there before.
Result<void> give_back(const VgpuRecord& vgpu);

// The last lines of QEMU's log: at most 4 KiB, printable, no blank line at the end.
std::string last_words(std::string_view log);

}  // namespace cleave
