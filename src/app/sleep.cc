#include "app/sleep.h"

#include <algorithm>
#include <utility>

#include "app/give_back.h"
#include "app/vm_place.h"
#include "base/format.h"
#include "base/text.h"
#include "run/qmp.h"
#include "vm/vm.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// Of entries in one directory: more are nobody's VMs.
constexpr std::size_t kMostEntries = 1024;
// For QEMU's monitor: it answers in milliseconds unless it is busy or somebody else has it.
constexpr std::chrono::seconds kMonitorLimit(3);
// `stop` writes out what the guest's disks have in the host's memory.
constexpr std::chrono::seconds kPauseLimit(15);
// For the supervisor to clear up once QEMU has ended, as in app/vm.cc.
constexpr std::chrono::seconds kClearingLimit(10);

std::vector<Field> fields_of(const RunningVm& vm, std::vector<Field> more = {}) {
  more.emplace_back("name", vm.name);
  more.emplace_back("user", vm.owner.name);
  return more;
}

SleepStep step(const RunningVm& vm, SleepDone done, const char* text,
               std::vector<Field> more = {}) {
  return {.vm = vm.name,
          .user = vm.owner.name,
          .vgpu = {},
          .done = done,
          .text = {text, fields_of(vm, std::move(more))},
          .reason = {}};
}

SleepStep step(const RunningVm& vm, SleepDone done, const char* text, const Error& why) {
  return step(vm, done, text, {{"reason", printable(english(why))}});
}

// --- which VMs there are

// An account without an entry in the user database has its number alone.
Owner owner_of(const FileStatus& directory) {
  const Result<Owner> known = find_user(std::to_string(directory.user));
  if (known) return *known;
  Owner owner;
  owner.uid = directory.user;
  owner.gid = directory.group;
  owner.name = std::to_string(directory.user);
  owner.home = "/";
  owner.groups = {owner.gid};
  return owner;
}

SleepStep cannot_tell(const Owner& owner, const std::string& path, const Error& why) {
  return {.vm = {},
          .user = owner.name,
          .vgpu = {},
          .done = SleepDone::Refused,
          .text = {N_("Whether a VM of {user} runs cannot be told from {path}: {reason}"),
                   {{"user", owner.name},
                    {"path", printable(path)},
                    {"reason", printable(english(why))}}},
          .reason = {}};
}

class Search {
 public:
  Search(const HostReader& host, std::vector<SleepStep>& unknown)
      : host_(host), release_(kernel_release(host)), unknown_(unknown) {}

  // /run/user/UID/cleave/NAME: all of it is that user's.
  void of_users(const std::string& base) {
    const Result<std::vector<std::string>> users = host_.list_directory(base);
    if (!users) return;  // no logind: nobody has one
    for (const std::string& user : *users) {
      const std::string directory = join_path(base, user);
      const Result<FileStatus> status = host_.status(directory);
      if (!status || status->kind != FileKind::Directory || status->user == 0) continue;
      const Owner owner = owner_of(*status);
      look_into(owner, join_path(directory, "cleave"));
    }
  }

  // /run/cleave/NAME: root made it and gave it to whom the VM belongs to.
  void of_system(const std::string& base) {
    const Result<std::vector<std::string>> names = host_.list_directory(base);
    if (!names) return;
    for (const std::string& name : *names) {
      const std::string directory = join_path(base, name);
      const Result<FileStatus> status = host_.status(directory);
      if (!status || status->kind != FileKind::Directory || status->user == 0) continue;
      look_at(owner_of(*status), name, directory);
    }
  }

  std::vector<RunningVm> found() && { return std::move(found_); }

 private:
  void look_into(const Owner& owner, const std::string& directory) {
    Result<std::vector<std::string>> names = list_as(owner, directory);
    if (!names && names.error().code == ErrorCode::NotFound) return;
    if (!names) return unknown_.push_back(cannot_tell(owner, directory, names.error()));
    if (names->size() > kMostEntries) names->resize(kMostEntries);
    for (const std::string& name : *names) look_at(owner, name, join_path(directory, name));
  }

  Result<std::vector<std::string>> list_as(const Owner& owner, const std::string& directory) {
    const ActingAs user = TRY(ActingAs::begin(credentials_of(owner)));
    return host_.list_directory(directory);
  }

  void look_at(const Owner& owner, const std::string& name, const std::string& directory) {
    if (!is_vm_name(name)) return;
    const Result<VmObservation> seen = observe_as(owner, directory);
    if (!seen) return unknown_.push_back(cannot_tell(owner, directory, seen.error()));
    const bool runs = seen->status == VmStatus::Running || seen->status == VmStatus::Unsupervised ||
                      seen->status == VmStatus::Starting;
    if (!runs) return;
    found_.push_back({.owner = owner,
                      .name = name,
                      .directory = directory,
                      .status = seen->status,
                      .state = seen->state,
                      .policy = policy_of(seen->state, release_)});
  }

  static Result<VmObservation> observe_as(const Owner& owner, const std::string& directory) {
    const ActingAs user = TRY(ActingAs::begin(credentials_of(owner)));
    return observe_vm(directory);
  }

  const HostReader& host_;
  std::string release_;
  std::vector<SleepStep>& unknown_;
  std::vector<RunningVm> found_;
};

// --- what is done with QEMU, as the VM's user

Result<std::string> guest_status(QmpClient& monitor) {
  const Json status = TRY(monitor.execute("query-status", Json::object(), kMonitorLimit));
  return std::string(status.text_of("status"));
}

Result<QmpClient> connect(const RunningVm& vm) {
  return QmpClient::connect(join_path(vm.directory, kQmpSocket), kMonitorLimit);
}

// False if it stood still already, by its owner's will.
Result<bool> pause_vm(const RunningVm& vm) {
  const ActingAs user = TRY(ActingAs::begin(credentials_of(vm.owner)));
  QmpClient monitor = TRY(connect(vm));
  if (TRY(guest_status(monitor)) != "running") return false;
  // Before it is done: whatever is killed meanwhile, it is continued afterwards.
  TRY(write_suspend_mark(vm.directory,
                         {.done = SuspendMark::Done::Paused, .qemu = *vm.state.qemu}));
  (void)TRY(monitor.execute("stop", Json::object(), kPauseLimit));
  return true;
}

// False if there is nothing to continue.
Result<bool> continue_vm(const RunningVm& vm) {
  const ActingAs user = TRY(ActingAs::begin(credentials_of(vm.owner)));
  const auto mark = suspend_mark(vm.directory, vm.state);
  if (!mark || mark->done != SuspendMark::Done::Paused) return false;
  QmpClient monitor = TRY(connect(vm));
  const bool is_paused = TRY(guest_status(monitor)) == "paused";
  if (is_paused) (void)TRY(monitor.execute("cont", Json::object(), kPauseLimit));
  remove_suspend_mark(vm.directory);
  return is_paused;
}

Error cannot_shut_down(const std::string& status) {
  Error error;
  error.code = ErrorCode::Busy;
  error.message = {N_("the guest cannot shut itself down now ({status})"),
                   {{"status", printable(status)}}};
  return error;
}

Result<OwnedFd> press_power_button(const RunningVm& vm) {
  const ActingAs user = TRY(ActingAs::begin(credentials_of(vm.owner)));
  OwnedFd qemu = TRY(open_process(*vm.state.qemu));
  QmpClient monitor = TRY(connect(vm));
  const std::string status = TRY(guest_status(monitor));
  if (status != "running") return cannot_shut_down(status);
  TRY(write_suspend_mark(vm.directory,
                         {.done = SuspendMark::Done::Stopped, .qemu = *vm.state.qemu}));
  (void)TRY(monitor.execute("system_powerdown", Json::object(), kMonitorLimit));
  return qemu;
}

bool has_ended(const OwnedFd& process, Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  const Result<bool> ended =
      wait_for_end(process, std::max(left, std::chrono::milliseconds::zero()));
  return ended && *ended;
}

// Its vGPU is given back, and its state says that it is over.
void wait_for_clearing(const RunningVm& vm) {
  if (!vm.state.supervisor) return;
  const Result<OwnedFd> supervisor = open_process(*vm.state.supervisor);
  if (supervisor) (void)has_ended(*supervisor, Clock::now() + kClearingLimit);
}

void forget_mark(const RunningVm& vm) {
  const Result<ActingAs> user = ActingAs::begin(credentials_of(vm.owner));
  if (user) remove_suspend_mark(vm.directory);
}

// --- the steps of going to sleep

std::vector<const RunningVm*> those_that(const std::vector<RunningVm>& vms, OnSuspend action) {
  std::vector<const RunningVm*> chosen;
  for (const RunningVm& vm : vms) {
    if (vm.policy.action == action) chosen.push_back(&vm);
  }
  return chosen;
}

// Who stands against it, before anything is done to anybody.
void find_refusals(const std::vector<RunningVm>& vms, SleepReport& report) {
  for (const RunningVm& vm : vms) {
    if (vm.policy.action == OnSuspend::Refuse) {
      report.steps.push_back(step(vm, SleepDone::Refused,
                                  N_("The VM {name} of {user} runs and must not be suspended.")));
      report.steps.back().reason = vm.policy.reason;
    } else if (vm.policy.action != OnSuspend::Keep &&
               (vm.status == VmStatus::Starting || !vm.state.qemu)) {
      report.steps.push_back(step(vm, SleepDone::Refused,
                                  N_("The VM {name} of {user} is being started at this moment.")));
    }
  }
}

void stop_all(const std::vector<const RunningVm*>& vms, std::chrono::milliseconds limit,
              SleepReport& report) {
  std::vector<std::pair<const RunningVm*, OwnedFd>> asked;
  for (const RunningVm* vm : vms) {
    Result<OwnedFd> qemu = press_power_button(*vm);
    if (qemu) {
      asked.emplace_back(vm, std::move(*qemu));
    } else {
      forget_mark(*vm);
      report.steps.push_back(step(
          *vm, SleepDone::Refused,
          N_("The VM {name} of {user} could not be asked to shut down: {reason}"), qemu.error()));
    }
  }
  const auto end = Clock::now() + limit;
  for (const auto& [vm, qemu] : asked) {
    if (has_ended(qemu, end)) {
      wait_for_clearing(*vm);
      report.steps.push_back(step(*vm, SleepDone::Stopped,
                                  N_("The VM {name} of {user} was shut down; it is not started "
                                     "again by itself.")));
    } else {
      forget_mark(*vm);
      report.steps.push_back(
          step(*vm, SleepDone::Refused,
               N_("The guest of {name} ({user}) did not shut down within "
                  "{seconds} seconds."),
               {{"seconds", std::chrono::ceil<std::chrono::seconds>(limit).count()}}));
    }
    report.steps.back().reason = vm->policy.reason;
  }
}

void pause_all(const std::vector<const RunningVm*>& vms, SleepReport& report) {
  for (const RunningVm* vm : vms) {
    const Result<bool> paused = pause_vm(*vm);
    if (!paused) {
      report.steps.push_back(step(*vm, SleepDone::Refused,
                                  N_("The VM {name} of {user} could not be paused: {reason}"),
                                  paused.error()));
    } else if (*paused) {
      report.steps.push_back(
          step(*vm, SleepDone::Paused, N_("The VM {name} of {user} is paused.")));
    } else {
      report.steps.push_back(
          step(*vm, SleepDone::Kept, N_("The VM {name} of {user} stands still already.")));
    }
    report.steps.back().reason = vm->policy.reason;
  }
}

// What stopped VMs had of the host's; systemd may be at it by itself, and does it afterwards if
// not.
void give_back_of(HostWriter& host, Transactions& transactions,
                  const std::vector<const RunningVm*>& stopped) {
  const bool any =
      std::ranges::any_of(stopped, [](const RunningVm* vm) { return !vm->state.devices.empty(); });
  if (any) (void)give_back_devices(host, transactions);
}

}  // namespace

const char* sleep_done_name(SleepDone done) {
  constexpr std::array kNames = {"kept",    "paused",    "stopped", "refused",
                                 "removed", "continued", "made",    "failed"};
  return kNames.at(static_cast<std::size_t>(done));
}

bool SleepReport::has(SleepDone done) const {
  return std::ranges::any_of(steps, [done](const SleepStep& each) { return each.done == done; });
}

std::string kernel_release(const HostReader& host) {
  return std::string(trim(host.read_file("/proc/sys/kernel/osrelease").value_or("")));
}

SuspendPolicy policy_of(const VmState& state, const std::string& release) {
  std::string way = state.way;
  // A VM that a cleave started which did not write it down yet.
  if (way.empty() && state.vgpu) way = "mdev";
  if (way.empty() && !state.devices.empty()) way = "passthrough";
  return suspend_policy(state.on_suspend, way, release);
}

Message suspend_sentence(const std::string& name, OnSuspend action) {
  const std::vector<Field> fields = {{"name", name}};
  switch (action) {
    case OnSuspend::Keep:
      return {N_("If the host is suspended, {name} goes on afterwards as it was."), fields};
    case OnSuspend::Pause:
      return {N_("If the host is suspended, {name} is paused meanwhile."), fields};
    case OnSuspend::Stop:
      return {N_("If the host is suspended, {name} is shut down before that."), fields};
    case OnSuspend::Refuse:
      break;
  }
  return {N_("While {name} runs, the host is not suspended."), fields};
}

std::vector<RunningVm> running_vms(const HostReader& host, const RuntimePlaces& places,
                                   std::vector<SleepStep>& unknown) {
  Search search(host, unknown);
  search.of_users(places.of_users);
  search.of_system(places.of_system);
  return std::move(search).found();
}

SleepReport before_sleep(HostWriter& host, Transactions& transactions, const RuntimePlaces& places,
                         std::chrono::milliseconds limit) {
  SleepReport report;
  const std::vector<RunningVm> vms = running_vms(host, places, report.steps);
  find_refusals(vms, report);
  if (report.has(SleepDone::Refused)) return report;
  for (const RunningVm* vm : those_that(vms, OnSuspend::Keep)) {
    report.steps.push_back(
        step(*vm, SleepDone::Kept, N_("The VM {name} of {user} stays as it is.")));
    report.steps.back().reason = vm->policy.reason;
  }
  const auto to_stop = those_that(vms, OnSuspend::Stop);
  stop_all(to_stop, limit, report);
  give_back_of(host, transactions, to_stop);
  if (report.has(SleepDone::Refused)) return report;
  pause_all(those_that(vms, OnSuspend::Pause), report);
  if (report.has(SleepDone::Refused)) return report;
  if (vgpus_must_go(kernel_release(host))) remove_vgpus(host, transactions, report);
  return report;
}

SleepReport after_sleep(HostWriter& host, Transactions& transactions, const RuntimePlaces& places) {
  SleepReport report;
  make_vgpus_again(host, transactions, report);
  std::vector<SleepStep> unknown;
  for (const RunningVm& vm : running_vms(host, places, unknown)) {
    if (!vm.state.qemu) continue;
    const Result<bool> continued = continue_vm(vm);
    if (!continued) {
      report.steps.push_back(step(vm, SleepDone::Failed,
                                  N_("The VM {name} of {user} was paused and could not be "
                                     "continued: {reason}"),
                                  continued.error()));
      report.steps.back().reason = {N_("Try it again: sudo cleave sleep after")};
    } else if (*continued) {
      report.steps.push_back(
          step(vm, SleepDone::Continued, N_("The VM {name} of {user} goes on.")));
    }
  }
  return report;
}

}  // namespace cleave
