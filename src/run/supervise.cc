// The supervisor's own side: what happens in its process.
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "base/format.h"
#include "run/companions.h"
#include "run/disk_trouble.h"
#include "run/memory_kills.h"
#include "run/pinning.h"
#include "run/qemu_log.h"
#include "run/qmp.h"
#include "run/supervisor.h"
#include "run/usb_drivers.h"
#include "run/vm_end.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// QEMU's own monitor connection for the supervisor, beside the socket that others use: a monitor
// serves one client at a time. The number it has in QEMU.
constexpr int kMonitorNumber = 3;
// Numbers in QEMU from here on: beyond those of given files (kFirstTapDescriptor and seven more).
constexpr int kFirstReservation = 64;

// For a companion to open its socket, and how often that is looked at.
constexpr auto kCompanionPatience = std::chrono::seconds(10);
constexpr auto kCompanionPause = std::chrono::milliseconds(2);

// What ends so shortly before QEMU ends because of it.
constexpr auto kCompanionFollows = std::chrono::seconds(3);

// How long QEMU may take to end by itself once its monitor is gone or it was asked to.
constexpr auto kEndPatience = std::chrono::seconds(10);

int milliseconds_until(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

class VmSupervisor {
 public:
  VmSupervisor(const SupervisorSpec& spec, JsonChannel starter)
      : spec_(spec), starter_(std::move(starter)) {}

  int run();

 private:
  Result<std::vector<Message>> take_over();
  Result<bool> serve_starter();
  Result<void> keep(const Json& devices);
  Result<void> take_given(const Json& numbers);
  Result<void> launch(const LaunchSpec& spec);
  std::optional<Error> look_around(std::chrono::milliseconds pause);
  Result<void> start_companions(const LaunchSpec& spec, int output);
  Result<Process> start_qemu(const LaunchSpec& spec, int monitor, int output);
  Result<QmpClient> wait_for_monitor(OwnedFd monitor, Clock::time_point end);
  Error explain_failure(Process& qemu, Error error);
  ProcessEnd reap(Process& qemu);
  void watch();
  void take_event();
  void note_lost_companions();
  void forget_companions_that_ended_with_qemu();
  VmEnd make_end(const ProcessEnd& end) const;
  void finish(VmEnd end);

  const SupervisorSpec& spec_;
  JsonChannel starter_;
  std::optional<OwnedFd> lock_;
  OwnedFd signals_;
  VmState state_;
  QemuLog log_;
  std::optional<Process> qemu_;
  std::optional<QmpClient> monitor_;
  std::optional<QmpEvent> shutdown_;
  std::vector<OwnedFd> reservations_;
  std::vector<GivenFile> given_;
  Companions companions_;
  Clock::time_point last_lost_;  // when the last of them ended
  DiskNames disks_;
  std::uint64_t memory_kills_ = 0;      // before QEMU's start
  std::vector<std::string> usb_nodes_;  // that QEMU opened at its start
  std::vector<Message> failures_;
};

Error runs_already(const std::string& name, const VmState& state) {
  if (!state.qemu) {
    return error_of(ErrorCode::Conflict,
                    {N_("The VM {name} is being started already"), {{"name", name}}});
  }
  return error_of(ErrorCode::Conflict,
                  {N_("The VM {name} runs already: its QEMU is process {process}"),
                   {{"name", name}, {"process", state.qemu->process_id}}},
                  {N_("End it with `cleave vm stop {name}`."), {{"name", name}}});
}

int VmSupervisor::run() {
  // SIGTERM comes when the machine or the session goes down, and with it SIGHUP for all that logind
  // has in a session's scope (systemd.kill(5), SendSIGHUP=): QEMU is then ended in good order.
  sigset_t terminate;
  ::sigemptyset(&terminate);
  ::sigaddset(&terminate, SIGTERM);
  ::sigaddset(&terminate, SIGHUP);
  ::sigprocmask(SIG_SETMASK, &terminate, nullptr);
  signals_ = OwnedFd(::signalfd(-1, &terminate, SFD_CLOEXEC | SFD_NONBLOCK));

  const Result<std::vector<Message>> cleaned = take_over();
  if (!cleaned) {
    lock_.reset();  // before the answer: what the starter does next must not meet it
    (void)starter_.send(Json::object({{"error", to_json(cleaned.error())}}));
    return 1;
  }
  Json told = Json::array();
  for (const Message& each : *cleaned) told.push_back(to_json(each));
  const Json own = *to_json(state_).find("supervisor");
  Result<void> sent = starter_.send(Json::object({{"supervisor", own}, {"cleaned", told}}));
  while (sent && !monitor_) {
    const Result<bool> served = serve_starter();
    if (!served || !*served) break;
  }
  if (!monitor_) {
    VmEnd end = state_.end.value_or(VmEnd());
    end.kind = VmEndKind::NeverRan;
    finish(std::move(end));
    return 1;
  }
  watch();
  return 0;
}

// Lock, look, clear away, and write down that a start has begun.
Result<std::vector<Message>> VmSupervisor::take_over() {
  TRY(prepare_runtime_directory(spec_.runtime_directory));
  lock_ = TRY(lock_runtime_directory(spec_.runtime_directory));
  const Result<std::optional<VmState>> before = read_state(spec_.runtime_directory);
  if (!lock_) return runs_already(spec_.vm_name, before ? before->value_or(VmState()) : VmState());
  // A damaged state is not held against a new start: with the lock in hand no supervisor lives.
  VmObservation observation =
      observe_locked_vm(spec_.runtime_directory, before ? *before : std::optional<VmState>());
  if (observation.status == VmStatus::Unsupervised) {
    return runs_already(spec_.vm_name, observation.state);
  }
  state_.name = spec_.vm_name;
  state_.definition = spec_.definition;
  state_.way = spec_.way;
  state_.on_suspend = spec_.on_suspend;
  state_.started_at = ::time(nullptr);
  state_.supervisor = identify_process(static_cast<std::uint32_t>(::getpid()));
  TRY(write_state(spec_.runtime_directory, state_));
  return observation.cleaned;
}

// One request of the starter. False when it does not want the VM any more.
Result<bool> VmSupervisor::serve_starter() {
  const std::optional<Json> request = TRY(starter_.receive(std::chrono::hours(1)));
  if (!request) return false;
  Result<void> done;
  Json answer = Json::object();
  if (const Json* vgpu = request->find("vgpu")) {
    const Json* created = vgpu->find("created");
    state_.vgpu = VgpuRecord{
        .uuid = std::string(vgpu->text_of("uuid")),
        .sysfs_path = std::string(vgpu->text_of("path")),
        .created = created != nullptr && created->as_bool() != nullptr && *created->as_bool()};
    done = write_state(spec_.runtime_directory, state_);
  } else if (const Json* devices = request->find("devices")) {
    done = keep(*devices);
  } else if (request->find("reservations") != nullptr) {
    std::ranges::move(starter_.take_descriptors(), std::back_inserter(reservations_));
  } else if (const Json* numbers = request->find("given")) {
    done = take_given(*numbers);
  } else if (const Json* launch_request = request->find("launch")) {
    done = launch(launch_from_json(*launch_request));
    if (done) answer.set("qemu", *to_json(state_).find("qemu"));
    Json failures = Json::array();
    for (const Message& failure : failures_) failures.push_back(to_json(failure));
    answer.set("failures", std::move(failures));
  } else {
    return false;
  }
  if (!done) answer.set("error", to_json(done.error()));
  if (!done && !monitor_) {
    // Cleared up before the answer, so that the starter finds nothing of it any more.
    VmEnd end = state_.end.value_or(VmEnd());
    end.kind = VmEndKind::NeverRan;
    finish(std::move(end));
    (void)starter_.send(answer);
    ::_exit(1);
  }
  TRY(starter_.send(answer));
  return true;
}

Result<void> VmSupervisor::keep(const Json& devices) {
  if (const Json::Array* names = devices.as_array()) {
    for (const Json& name : *names) {
      if (name.as_string() != nullptr) state_.devices.push_back(*name.as_string());
    }
  }
  return write_state(spec_.runtime_directory, state_);
}

Result<void> VmSupervisor::take_given(const Json& numbers) {
  std::vector<OwnedFd> files = starter_.take_descriptors();
  if (numbers.as_array() == nullptr || numbers.as_array()->size() != files.size()) {
    return error_of(ErrorCode::Internal, {N_("The open files for QEMU did not all arrive")});
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto number = numbers.as_array()->at(i).as_integer().value_or(0);
    given_.push_back({.number = static_cast<int>(number), .file = std::move(files[i])});
  }
  return {};
}

Result<void> VmSupervisor::launch(const LaunchSpec& spec) {
  std::array<int, 2> monitor{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, monitor.data()) != 0) {
    return system_error(errno, Message(N_("Could not make a connection to QEMU's monitor")));
  }
  OwnedFd ours(monitor[0]);
  OwnedFd theirs(monitor[1]);
  OwnedFd output = TRY(log_.open(spec_.runtime_directory));
  disks_ = spec.disks;
  TRY(start_companions(spec, output.get()));
  const auto end = Clock::now() + spec.limit;
  qemu_ = TRY(start_qemu(spec, theirs.get(), output.get()));
  theirs.reset();
  output.reset();
  // A network's end that stayed open here would keep its device after QEMU's end.
  given_.clear();
  Result<QmpClient> client = wait_for_monitor(std::move(ours), end);
  Result<void> written;
  if (client) {
    state_.phase = VmPhase::Running;
    written = write_state(spec_.runtime_directory, state_);
  }
  if (!client) return explain_failure(*qemu_, std::move(client).error());
  if (!written) return explain_failure(*qemu_, std::move(written).error());
  monitor_ = std::move(*client);
  usb_nodes_ = usb_nodes_of(static_cast<std::uint32_t>(qemu_->id()));
  failures_ = pin_processors(*monitor_, static_cast<std::uint32_t>(qemu_->id()), spec.pin);
  return {};
}

// While something is waited for: takes what was printed, and tells why the start is to be given up.
std::optional<Error> VmSupervisor::look_around(std::chrono::milliseconds pause) {
  std::array<pollfd, 4> waiting{
      {{.fd = log_.descriptor(), .events = POLLIN, .revents = 0},
       {.fd = starter_.descriptor(), .events = POLLIN, .revents = 0},
       {.fd = signals_.get(), .events = POLLIN, .revents = 0},
       {.fd = qemu_ ? qemu_->descriptor() : -1, .events = POLLIN, .revents = 0}}};
  if (::poll(waiting.data(), waiting.size(), static_cast<int>(pause.count())) <= 0) return {};
  if (waiting[0].revents != 0) log_.drain();
  // The starter says nothing while it waits: this is its end.
  if (waiting[1].revents != 0 || waiting[2].revents != 0) {
    return error_of(ErrorCode::Interrupted, {N_("The start of the VM was given up")});
  }
  if (waiting[3].revents != 0) return error_of(ErrorCode::Io, {N_("QEMU ended at once")});
  return {};
}

Result<void> VmSupervisor::start_companions(const LaunchSpec& spec, int output) {
  if (spec.companions.empty()) return {};
  for (const CompanionSpec& companion : spec.companions) {
    TRY(companions_.start(companion, output, [this](const CompanionRecord& record) {
      state_.companions.push_back(record);
      return write_state(spec_.runtime_directory, state_);
    }));
  }
  const auto end = Clock::now() + kCompanionPatience;
  while (true) {
    Result<bool> ready = companions_.all_listen();
    if (ready && *ready) return {};
    if (ready && Clock::now() >= end) {
      ready = system_error(ETIMEDOUT, Message(N_("What the VM needs beside QEMU opens no socket")));
    }
    if (!ready) {
      log_.drain();
      Error error = std::move(ready).error();
      const std::string words = log_.words();
      if (!words.empty()) {
        error.context.emplace_back(N_("Its last words: {words}"),
                                   std::vector<Field>{{"words", words}});
      }
      return error;
    }
    if (auto reason = look_around(kCompanionPause)) return std::move(*reason);
  }
}

Result<Process> VmSupervisor::start_qemu(const LaunchSpec& launch, int monitor, int output) {
  ProcessSpec spec;
  spec.argv = launch.argv;
  // Not -mon, which QEMU 11.1 calls deprecated.
  for (const std::string& argument :
       {std::string("-chardev"), format("socket,id=cleave-supervisor,fd={}", kMonitorNumber),
        std::string("-qmp"), std::string("chardev:cleave-supervisor")}) {
    spec.argv.push_back(argument);
  }
  spec.environment = launch.environment;
  spec.descriptors = {{1, output}, {2, output}, {kMonitorNumber, monitor}};
  for (const GivenFile& given : given_) {
    spec.descriptors.emplace_back(given.number, given.file.get());
  }
  // QEMU keeps the reservations, too: it may outlive its supervisor.
  for (std::size_t i = 0; i < reservations_.size(); ++i) {
    spec.descriptors.emplace_back(kFirstReservation + static_cast<int>(i), reservations_[i].get());
  }
  spec.new_session = true;
  spec.record = [this](const ProcessIdentity& identity) {
    state_.qemu = identity;
    return write_state(spec_.runtime_directory, state_);
  };
  memory_kills_ = memory_kills().value_or(0);
  Result<Process> started = Process::start(spec);
  if (!started) {
    state_.qemu.reset();
    if (started.error().error_number == ENOENT) {
      started.error().remedy = Message(
          N_("Install QEMU (package qemu-system-x86 on Debian and Ubuntu), or name it in the "
             "definition: qemu = \"/path/to/qemu-system-x86_64\"."));
    }
  }
  return started;
}

// Until QEMU answers. Its words are read meanwhile: a full pipe would stop it.
Result<QmpClient> VmSupervisor::wait_for_monitor(OwnedFd monitor, Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  std::optional<Error> reason;
  Result<QmpClient> client = QmpClient::negotiate(
      std::move(monitor), std::max(left, std::chrono::milliseconds(1)), [this, &reason] {
        reason = look_around(std::chrono::milliseconds(0));
        return reason.has_value();
      });
  if (!client && reason) return std::move(*reason);
  return client;
}

// Ends QEMU if it still runs, and puts its own words into the error.
Error VmSupervisor::explain_failure(Process& qemu, Error error) {
  // It may be on its way out, with a last message: a moment before it is killed. What ends because
  // it is not listened to any more has not ended by itself.
  const bool closed_monitor = error.error_number == ECONNRESET ||
                              (error.code == ErrorCode::Io && error.error_number != ETIMEDOUT);
  const auto ended = qemu.wait(std::chrono::milliseconds(closed_monitor ? 2000 : 0));
  const bool by_itself = closed_monitor && ended && ended->has_value();
  if (!by_itself) (void)qemu.send_signal(SIGKILL);
  const ProcessEnd end = reap(qemu);
  log_.drain();
  state_.end = make_end(end);
  if (!by_itself) {
    const std::string words = log_.words();
    if (!words.empty())
      error.context.emplace_back(N_("QEMU's last words: {words}"),
                                 std::vector<Field>{{"words", words}});
    return error;
  }
  if (end.signal != 0) {
    return error_of(
        ErrorCode::Io,
        {N_("QEMU was killed by signal {signal} while it started. Its last words: {words}"),
         {{"signal", end.signal}, {"words", log_.words()}}});
  }
  return error_of(ErrorCode::Io,
                  {N_("QEMU did not start (exit status {status}). Its own words: {words}"),
                   {{"status", end.exit_status}, {"words", log_.words()}}},
                  {N_("`cleave vm command NAME --explain` shows what QEMU was given, and why.")});
}

ProcessEnd VmSupervisor::reap(Process& qemu) {
  auto end = qemu.wait(kEndPatience);
  if (end && end->has_value()) return **end;
  (void)qemu.send_signal(SIGKILL);
  end = qemu.wait(std::chrono::hours(24));
  return end && end->has_value() ? **end : ProcessEnd();
}

// Sleeps until QEMU has ended. Nothing wakes it up but what really happens.
void VmSupervisor::watch() {
  std::optional<Clock::time_point> kill_at;  // once it was asked to end
  while (true) {
    std::vector<pollfd> waiting = {
        {.fd = qemu_->descriptor(), .events = POLLIN, .revents = 0},
        {.fd = monitor_ ? monitor_->descriptor() : -1, .events = POLLIN, .revents = 0},
        {.fd = log_.descriptor(), .events = POLLIN, .revents = 0},
        {.fd = starter_.is_open() ? starter_.descriptor() : -1, .events = POLLIN, .revents = 0},
        {.fd = signals_.get(), .events = POLLIN, .revents = 0}};
    companions_.add_to(waiting);
    const int limit = kill_at ? milliseconds_until(*kill_at) : -1;
    if (::poll(waiting.data(), waiting.size(), limit) < 0) continue;
    if (waiting[2].revents != 0) log_.drain();
    if (waiting[1].revents != 0) take_event();
    if (waiting[3].revents != 0) starter_.close();
    if (waiting[4].revents != 0) {
      signalfd_siginfo information{};
      const ssize_t count = ::read(signals_.get(), &information, sizeof(information));
      if (count > 0) (void)qemu_->send_signal(SIGTERM);
      // One that was stopped could not obey.
      if (count > 0) (void)qemu_->send_signal(SIGCONT);
      if (count > 0 && !kill_at) kill_at = Clock::now() + kEndPatience;
    }
    if (waiting[0].revents != 0) break;
    if (kill_at && Clock::now() >= *kill_at) {
      (void)qemu_->send_signal(SIGKILL);
      kill_at = Clock::now() + kEndPatience;  // a driver may hold it
    }
    note_lost_companions();
  }
  while (monitor_) take_event();
  const ProcessEnd end = reap(*qemu_);
  log_.drain();
  forget_companions_that_ended_with_qemu();
  finish(make_end(end));
  if (starter_.is_open()) {
    (void)starter_.send(Json::object({{"end", to_json(*state_.end)}}));
  }
}

void VmSupervisor::take_event() {
  bool changed = false;
  Result<std::optional<QmpEvent>> event = monitor_->next_event(std::chrono::milliseconds(0));
  while (event && event->has_value()) {
    changed = note_event(**event, disks_, state_) || changed;
    // The first one tells why; a second can follow when QEMU is asked again while it goes down.
    if ((*event)->name == "SHUTDOWN" && !shutdown_) shutdown_ = std::move(**event);
    event = monitor_->next_event(std::chrono::milliseconds(0));
  }
  if (!event) monitor_.reset();
  if (changed) (void)write_state(spec_.runtime_directory, state_);
}

void VmSupervisor::note_lost_companions() {
  const std::vector<LostCompanion> ended = companions_.take_ended();
  if (ended.empty()) return;
  std::ranges::copy(ended, std::back_inserter(state_.lost_companions));
  last_lost_ = Clock::now();
  (void)write_state(spec_.runtime_directory, state_);
}

// They end by themselves when QEMU lets go of them, which it may do some seconds before its own
// end: the memory that VFIO has pinned is let go of in between.
void VmSupervisor::forget_companions_that_ended_with_qemu() {
  if (Clock::now() - last_lost_ > kCompanionFollows) return;
  std::erase_if(state_.lost_companions, [](const LostCompanion& lost) { return lost.signal == 0; });
}

VmEnd VmSupervisor::make_end(const ProcessEnd& process) const {
  VmEnd end = end_of(process, shutdown_);
  end.last_words = log_.words();
  if (process.signal == SIGKILL) end.memory_kills = memory_kills().value_or(0) - memory_kills_;
  return end;
}

// Sockets, vGPU, and only then the word that it is over: whoever kills us between finds a VM that
// "runs" without a process, and does the rest.
void VmSupervisor::finish(VmEnd end) {
  companions_.end();
  log_.drain();
  state_.companions.clear();
  end.lost_companions = std::exchange(state_.lost_companions, {});
  state_.disk_trouble.reset();
  remove_runtime_files(spec_.runtime_directory);
  if (end.kind == VmEndKind::Killed) return_to_drivers(usb_nodes_);
  reservations_.clear();
  if (state_.vgpu && give_back(*state_.vgpu)) state_.vgpu->created = false;
  state_.phase = VmPhase::Ended;
  state_.end = std::move(end);
  (void)write_state(spec_.runtime_directory, state_);
  lock_.reset();
}

}  // namespace

int supervise(const SupervisorSpec& spec, JsonChannel starter) {
  return VmSupervisor(spec, std::move(starter)).run();
}

}  // namespace cleave
