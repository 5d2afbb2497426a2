#include "run/vm_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/format.h"
#include "base/text.h"
#include "run/own_process.h"
#include "run/picture.h"

namespace cleave {
namespace {

constexpr size_t kMaximumState = size_t{64} << 10U;
constexpr size_t kMaximumLastWords = size_t{4} << 10U;
constexpr size_t kMaximumLastLines = 20;

constexpr std::array kPhaseNames = {"starting", "running", "ended"};
constexpr std::array kSuspendNames = {"paused", "stopped"};
constexpr std::array kEndKindNames = {"guest-shutdown", "host-request", "killed",
                                      "failed",         "never-ran",    "unknown"};

std::string in(const std::string& directory, const char* name) {
  return format("{}/{}", directory, name);
}

Error no_state() {
  return error_of(ErrorCode::Malformed, {N_("The state of the VM on disk is damaged")},
                  {N_("Remove it if no QEMU of this VM runs any more.")});
}

// The place of `name` in `names`; empty if it is none of them.
template <typename Names>
std::optional<size_t> place_of(const Names& names, std::string_view name) {
  const auto found =
      std::ranges::find(names, name, [](const char* each) { return std::string_view(each); });
  if (found == names.end()) return std::nullopt;
  return static_cast<size_t>(found - names.begin());
}

Json to_json(const std::optional<ProcessIdentity>& identity) {
  if (!identity) return nullptr;
  return Json::object({{"process", identity->process_id}, {"start_time", identity->start_time}});
}

std::uint64_t unsigned_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member != nullptr ? member->as_unsigned().value_or(0) : 0;
}

bool flag_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member != nullptr && member->as_bool() != nullptr && *member->as_bool();
}

std::optional<ProcessIdentity> identity_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  if (member == nullptr || member->as_object() == nullptr) return std::nullopt;
  const std::uint64_t process = unsigned_of(*member, "process");
  // PID_MAX_LIMIT, include/linux/threads.h
  if (process == 0 || process > (1U << 22U)) return std::nullopt;
  return ProcessIdentity{.process_id = static_cast<std::uint32_t>(process),
                         .start_time = unsigned_of(*member, "start_time")};
}

Json to_json(const std::vector<LostCompanion>& lost) {
  Json all = Json::array();
  for (const LostCompanion& each : lost) {
    all.push_back(Json::object(
        {{"name", each.name}, {"exit_status", each.exit_status}, {"signal", each.signal}}));
  }
  return all;
}

std::vector<LostCompanion> lost_companions_of(const Json& json) {
  std::vector<LostCompanion> lost;
  const Json* all = json.find("lost_companions");
  if (all == nullptr || all->as_array() == nullptr) return lost;
  for (const Json& each : *all->as_array()) {
    lost.push_back({.name = printable(each.text_of("name")),
                    .exit_status = static_cast<int>(unsigned_of(each, "exit_status") & 0xffU),
                    .signal = static_cast<int>(unsigned_of(each, "signal") & 0x7fU)});
  }
  return lost;
}

Json to_json(const std::vector<CompanionRecord>& companions) {
  Json all = Json::array();
  for (const CompanionRecord& each : companions) {
    all.push_back(
        Json::object({{"name", each.name},
                      {"identity", to_json(std::optional<ProcessIdentity>(each.process))}}));
  }
  return all;
}

std::vector<CompanionRecord> companions_of(const Json& json) {
  std::vector<CompanionRecord> companions;
  const Json* all = json.find("companions");
  if (all == nullptr || all->as_array() == nullptr) return companions;
  for (const Json& each : *all->as_array()) {
    const auto identity = identity_of(each, "identity");
    if (!identity) continue;
    companions.push_back({.name = printable(each.text_of("name")), .process = *identity});
  }
  return companions;
}

std::optional<DiskTrouble> disk_trouble_of(const Json& json) {
  const Json* trouble = json.find("disk_trouble");
  if (trouble == nullptr || trouble->as_object() == nullptr) return std::nullopt;
  return DiskTrouble{.disk = printable(trouble->text_of("disk")),
                     .reason = printable(trouble->text_of("reason")),
                     .is_full = flag_of(*trouble, "is_full")};
}

// 0 or errno.
int read_small_file(const std::string& path, size_t limit, std::string& content) {
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) return errno;
  std::array<char, 4096> bytes{};
  while (true) {
    const ssize_t count = ::read(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return 0;
    content.append(bytes.data(), static_cast<size_t>(count));
    if (content.size() > limit) return EFBIG;
  }
}

int make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return 0;
  if (errno != ENOENT) return errno;
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return ENOENT;
  if (const int error_number = make_directory(path.substr(0, slash))) return error_number;
  return ::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
}

bool runs(const std::optional<ProcessIdentity>& identity) {
  return identity && identify_process(identity->process_id) == identity;
}

// Takes back what the VM's last run left, and tells it.
void clear_away(const std::string& runtime_directory, VmObservation& observation) {
  VmState& state = observation.state;
  const bool unfinished = state.phase != VmPhase::Ended;
  for (Message& ended : end_left_companions(std::exchange(state.companions, {}))) {
    observation.cleaned.push_back(std::move(ended));
  }
  remove_runtime_files(runtime_directory);
  bool vgpu_is_back = true;
  if (state.vgpu && state.vgpu->created) {
    const Result<void> given = give_back(*state.vgpu);
    vgpu_is_back = given.has_value();
    if (vgpu_is_back) {
      observation.cleaned.emplace_back(N_("Removed the vGPU {uuid} that it left behind."),
                                       std::vector<Field>{{"uuid", state.vgpu->uuid}});
      state.vgpu->created = false;
    } else {
      observation.cleaned.emplace_back(
          N_("Could not remove the vGPU {uuid} that it left behind: {reason}"),
          std::vector<Field>{{"uuid", state.vgpu->uuid}, {"reason", english(given.error())}});
    }
  }
  if (unfinished) {
    state.phase = VmPhase::Ended;
    state.end = VmEnd();
    state.end->lost_companions = std::exchange(state.lost_companions, {});
    std::string log;
    (void)read_small_file(in(runtime_directory, kLogFile), kMaximumState * 4, log);
    state.end->last_words = last_words(log);
    observation.cleaned.emplace_back(
        N_("QEMU and its supervisor ended without a word (killed, or the machine went down); what "
           "they left was cleared away."));
  }
  // If this fails, the next look does all of it again.
  if (unfinished || !observation.cleaned.empty()) (void)write_state(runtime_directory, state);
}

}  // namespace

const char* end_kind_name(VmEndKind kind) { return kEndKindNames.at(static_cast<size_t>(kind)); }

const char* status_name(VmStatus status) {
  switch (status) {
    case VmStatus::NeverStarted:
      return "never-started";
    case VmStatus::Starting:
      return "starting";
    case VmStatus::Running:
      return "running";
    case VmStatus::Unsupervised:
      return "unsupervised";
    case VmStatus::Ended:
      return "ended";
  }
  return "ended";
}

Json to_json(const VmEnd& end) {
  Json json = Json::object({{"kind", end_kind_name(end.kind)},
                            {"exit_status", end.exit_status},
                            {"signal", end.signal},
                            {"shutdown_reason", end.shutdown_reason},
                            {"last_words", end.last_words}});
  if (end.memory_kills != 0) json.set("memory_kills", end.memory_kills);
  if (!end.lost_companions.empty()) json.set("lost_companions", to_json(end.lost_companions));
  return json;
}

Result<VmEnd> end_from_json(const Json& json) {
  const auto kind = place_of(kEndKindNames, json.text_of("kind"));
  if (!kind) return no_state();
  VmEnd end;
  end.kind = static_cast<VmEndKind>(*kind);
  end.exit_status = static_cast<int>(unsigned_of(json, "exit_status") & 0xffU);
  end.signal = static_cast<int>(unsigned_of(json, "signal") & 0x7fU);
  end.memory_kills = unsigned_of(json, "memory_kills");
  end.shutdown_reason = printable(json.text_of("shutdown_reason"));
  end.last_words = printable(json.text_of("last_words"));
  end.lost_companions = lost_companions_of(json);
  return end;
}

Json to_json(const VmState& state) {
  Json json = Json::object({{"schema", "cleave.vm-state/1"},
                            {"name", state.name},
                            {"definition", state.definition},
                            {"state", kPhaseNames.at(static_cast<size_t>(state.phase))},
                            {"started_at", state.started_at},
                            {"supervisor", to_json(state.supervisor)},
                            {"qemu", to_json(state.qemu)}});
  if (state.vgpu) {
    json.set("vgpu", Json::object({{"uuid", state.vgpu->uuid},
                                   {"path", state.vgpu->sysfs_path},
                                   {"created", state.vgpu->created}}));
  }
  if (!state.devices.empty()) {
    Json devices = Json::array();
    for (const std::string& device : state.devices) devices.push_back(device);
    json.set("devices", std::move(devices));
  }
  if (!state.way.empty()) json.set("way", state.way);
  if (!state.on_suspend.empty()) json.set("on_suspend", state.on_suspend);
  if (!state.companions.empty()) json.set("companions", to_json(state.companions));
  if (!state.lost_companions.empty()) {
    json.set("lost_companions", to_json(state.lost_companions));
  }
  if (state.disk_trouble) {
    json.set("disk_trouble", Json::object({{"disk", state.disk_trouble->disk},
                                           {"reason", state.disk_trouble->reason},
                                           {"is_full", state.disk_trouble->is_full}}));
  }
  if (state.end) {
    json.set("end", to_json(*state.end));
  }
  return json;
}

Result<VmState> state_from_json(const Json& json) {
  if (json.text_of("schema") != "cleave.vm-state/1") return no_state();
  const auto phase = place_of(kPhaseNames, json.text_of("state"));
  if (!phase) return no_state();
  VmState state;
  state.name = json.text_of("name");
  state.definition = json.text_of("definition");
  state.phase = static_cast<VmPhase>(*phase);
  state.started_at = static_cast<std::int64_t>(
      std::min<std::uint64_t>(unsigned_of(json, "started_at"), INT64_MAX));
  state.supervisor = identity_of(json, "supervisor");
  state.qemu = identity_of(json, "qemu");
  if (const Json* vgpu = json.find("vgpu")) {
    state.vgpu = VgpuRecord{.uuid = std::string(vgpu->text_of("uuid")),
                            .sysfs_path = std::string(vgpu->text_of("path")),
                            .created = flag_of(*vgpu, "created")};
  }
  const Json* devices = json.find("devices");
  if (devices != nullptr && devices->as_array() != nullptr) {
    for (const Json& device : *devices->as_array()) {
      if (device.as_string() != nullptr) state.devices.push_back(printable(*device.as_string()));
    }
  }
  state.way = printable(json.text_of("way"));
  state.on_suspend = printable(json.text_of("on_suspend"));
  state.companions = companions_of(json);
  state.lost_companions = lost_companions_of(json);
  state.disk_trouble = disk_trouble_of(json);
  if (const Json* end = json.find("end")) {
    state.end = TRY(end_from_json(*end));
  }
  return state;
}

Result<std::optional<VmState>> read_state(const std::string& runtime_directory) {
  const std::string path = in(runtime_directory, kStateFile);
  std::string content;
  const int error_number = read_small_file(path, kMaximumState, content);
  if (error_number == ENOENT || error_number == ENOTDIR) return std::optional<VmState>();
  if (error_number != 0) {
    return system_error(error_number, Message(N_("Could not read {path}"), {{"path", path}}), path);
  }
  const Result<Json> json = parse_json(content);
  Result<VmState> state = json ? state_from_json(*json) : Result<VmState>(no_state());
  if (!state) {
    state.error().path = path;
    return std::move(state).error();
  }
  return std::optional<VmState>(std::move(*state));
}

Result<void> write_state(const std::string& runtime_directory, const VmState& state) {
  // It says nothing any more after a reboot, so the disk need not be waited for.
  return save_file(in(runtime_directory, kStateFile), to_text(to_json(state), 2) + "\n",
                   Durability::UntilReboot);
}

Result<void> prepare_runtime_directory(const std::string& runtime_directory) {
  const Message failed(N_("Could not make the VM's runtime directory {path}"),
                       {{"path", runtime_directory}});
  if (const int error_number = make_directory(runtime_directory)) {
    return system_error(error_number, failed, runtime_directory);
  }
  struct stat found{};
  if (::lstat(runtime_directory.c_str(), &found) != 0) {
    return system_error(errno, failed, runtime_directory);
  }
  if (!S_ISDIR(found.st_mode) || found.st_uid != ::geteuid() || (found.st_mode & 077U) != 0) {
    Error error =
        error_of(ErrorCode::Denied,
                 {N_("{path} is no directory of your own that others cannot look into"),
                  {{"path", runtime_directory}}},
                 {N_("Remove it, or make it yours with mode 0700: QEMU's monitor will be in it.")});
    error.path = runtime_directory;
    return error;
  }
  return {};
}

Result<std::optional<OwnedFd>> lock_runtime_directory(const std::string& runtime_directory) {
  const std::string path = in(runtime_directory, kLockFile);
  OwnedFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.is_open() && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
    return std::optional<OwnedFd>(std::move(file));
  }
  if (errno == EWOULDBLOCK) return std::optional<OwnedFd>();
  return system_error(errno, Message(N_("Could not lock {path}"), {{"path", path}}), path);
}

VmObservation observe_locked_vm(const std::string& runtime_directory,
                                std::optional<VmState> state) {
  VmObservation observation;
  if (!state) return observation;
  observation.state = std::move(*state);
  if (observation.state.phase != VmPhase::Ended && runs(observation.state.qemu)) {
    observation.status = VmStatus::Unsupervised;
    return observation;
  }
  observation.status = VmStatus::Ended;
  clear_away(runtime_directory, observation);
  return observation;
}

Result<VmObservation> observe_vm(const std::string& runtime_directory) {
  std::optional<VmState> state = TRY(read_state(runtime_directory));
  if (!state && ::access(in(runtime_directory, kLockFile).c_str(), F_OK) != 0) {
    return VmObservation();
  }
  const std::optional<OwnedFd> lock = TRY(lock_runtime_directory(runtime_directory));
  // Again, now that it cannot change: the supervisor may have ended between the two.
  state = TRY(read_state(runtime_directory));
  if (lock) return observe_locked_vm(runtime_directory, std::move(state));
  VmObservation observation;
  observation.status = VmStatus::Starting;
  if (state) {
    observation.state = std::move(*state);
    if (observation.state.phase == VmPhase::Running) observation.status = VmStatus::Running;
    if (observation.state.phase == VmPhase::Ended) observation.status = VmStatus::Ended;
  }
  return observation;
}

Result<void> write_suspend_mark(const std::string& runtime_directory, const SuspendMark& mark) {
  const Json json = Json::object({{"schema", "cleave.vm-suspend/1"},
                                  {"done", kSuspendNames.at(static_cast<size_t>(mark.done))},
                                  {"qemu", to_json(std::optional<ProcessIdentity>(mark.qemu))}});
  return save_file(in(runtime_directory, kSuspendFile), to_text(json, 2) + "\n",
                   Durability::UntilReboot);
}

std::optional<SuspendMark> suspend_mark(const std::string& runtime_directory,
                                        const VmState& state) {
  std::string content;
  if (read_small_file(in(runtime_directory, kSuspendFile), kMaximumState, content) != 0) {
    return std::nullopt;
  }
  const Result<Json> json = parse_json(content);
  if (!json || json->text_of("schema") != "cleave.vm-suspend/1") return std::nullopt;
  const auto done = place_of(kSuspendNames, json->text_of("done"));
  const auto qemu = identity_of(*json, "qemu");
  if (!done || !qemu || qemu != state.qemu) return std::nullopt;
  return SuspendMark{.done = static_cast<SuspendMark::Done>(*done), .qemu = *qemu};
}

void remove_suspend_mark(const std::string& runtime_directory) {
  ::unlink(in(runtime_directory, kSuspendFile).c_str());
}

void remove_runtime_files(const std::string& runtime_directory) {
  for (const std::string& name : all_runtime_files()) {
    ::unlink(in(runtime_directory, name.c_str()).c_str());
  }
  ::unlink(in(runtime_directory, kScreenFile).c_str());
}

Result<void> give_back(const VgpuRecord& vgpu) {
  if (!vgpu.created) return {};
  const std::string path = vgpu.sysfs_path + "/remove";
  // Not created if it is missing: this is an attribute of the kernel's.
  const OwnedFd attribute(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!attribute.is_open() && (errno == ENOENT || errno == ENOTDIR)) return {};
  if (attribute.is_open() && ::write(attribute.get(), "1", 1) == 1) return {};
  if (errno == ENODEV) return {};  // another was faster (drivers/vfio/mdev/mdev_sysfs.c)
  return system_error(errno, Message(N_("Could not remove the vGPU {uuid}"), {{"uuid", vgpu.uuid}}),
                      path);
}

std::string last_words(std::string_view log) {
  std::vector<std::string> kept;
  size_t size = 0;
  const auto all = lines(trim(log));
  for (auto line = all.rbegin(); line != all.rend() && kept.size() < kMaximumLastLines; ++line) {
    const std::string text = printable(line->substr(0, kMaximumLastWords / 4));
    size += text.size() + 1;
    if (size > kMaximumLastWords) break;
    kept.push_back(text);
  }
  std::ranges::reverse(kept);
  return join(kept, "\n");
}

}  // namespace cleave
