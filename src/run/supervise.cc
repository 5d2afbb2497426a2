// The supervisor's own side: what happens in its process.
#include <fcntl.h>
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
#include "run/qmp.h"
#include "run/supervisor.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// QEMU's own monitor connection for the supervisor, beside the socket that others use: a monitor
// serves one client at a time. The number it has in QEMU.
constexpr int kMonitorNumber = 3;
constexpr int kFirstReservation = 10;  // numbers in QEMU from here on

// The log holds QEMU's last words, not its life: the guest can make QEMU write without end.
constexpr size_t kMaximumLog = size_t{64} << 10U;

// How long QEMU may take to end by itself once its monitor is gone or it was asked to.
constexpr auto kEndPatience = std::chrono::seconds(10);

// QEMU's standard output and error, kept short.
class Log {
 public:
  Result<int> open(const std::string& runtime_directory) {
    const std::string path = format("{}/{}", runtime_directory, kLogFile);
    file_ =
        OwnedFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    std::array<int, 2> ends{};
    if (!file_.is_open() || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
      return system_error(errno, Message(N_("Could not write {path}"), {{"path", path}}), path);
    }
    reader_ = OwnedFd(ends[0]);
    ::fcntl(reader_.get(), F_SETFL, O_NONBLOCK);
    return ends[1];
  }
  [[nodiscard]] int descriptor() const { return reader_.get(); }  // -1 at the end
  // Takes what is there; closes at the end.
  void drain() {
    std::array<char, 4096> bytes{};
    while (reader_.is_open()) {
      const ssize_t count = ::read(reader_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) {
        reader_.reset();
        return;
      }
      keep({bytes.data(), static_cast<size_t>(count)});
    }
  }
  [[nodiscard]] std::string words() const { return last_words(tail_); }

 private:
  void keep(std::string_view bytes) {
    tail_ += bytes;
    if (tail_.size() <= kMaximumLog) {
      write(bytes);
      return;
    }
    tail_.erase(0, tail_.size() - kMaximumLog / 2);
    if (::ftruncate(file_.get(), 0) == 0 && ::lseek(file_.get(), 0, SEEK_SET) == 0) write(tail_);
  }
  // A full disk must not end the supervisor; the words are in memory, too.
  void write(std::string_view bytes) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    (void)written;
  }

  OwnedFd file_;
  OwnedFd reader_;
  std::string tail_;
};

class VmSupervisor {
 public:
  VmSupervisor(const SupervisorSpec& spec, JsonChannel starter)
      : spec_(spec), starter_(std::move(starter)) {}

  int run();

 private:
  Result<std::vector<Message>> take_over();
  Result<bool> serve_starter();
  Result<void> keep(const Json& devices);
  Result<void> launch(const Json& request);
  Result<Process> start_qemu(const Json& request, int monitor, int output);
  Result<QmpClient> wait_for_monitor(OwnedFd monitor, Process& qemu, Clock::time_point end);
  Error explain_failure(Process& qemu, Error error);
  ProcessEnd reap(Process& qemu);
  void watch();
  void take_event();
  VmEnd make_end(const ProcessEnd& end) const;
  void finish(VmEnd end);

  const SupervisorSpec& spec_;
  JsonChannel starter_;
  std::optional<OwnedFd> lock_;
  OwnedFd signals_;
  VmState state_;
  Log log_;
  std::optional<Process> qemu_;
  std::optional<QmpClient> monitor_;
  std::optional<QmpEvent> shutdown_;
  std::vector<OwnedFd> reservations_;
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
  // SIGTERM comes when the machine or the session goes down: QEMU is then ended in good order.
  sigset_t terminate;
  ::sigemptyset(&terminate);
  ::sigaddset(&terminate, SIGTERM);
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
  } else if (const Json* launch_request = request->find("launch")) {
    done = launch(*launch_request);
    if (done) answer.set("qemu", *to_json(state_).find("qemu"));
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

Result<void> VmSupervisor::launch(const Json& request) {
  const Json* limit = request.find("limit_ms");
  const auto end = Clock::now() + std::chrono::milliseconds(
                                      limit != nullptr ? limit->as_integer().value_or(0) : 0);
  std::array<int, 2> monitor{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, monitor.data()) != 0) {
    return system_error(errno, Message(N_("Could not make a connection to QEMU's monitor")));
  }
  OwnedFd ours(monitor[0]);
  OwnedFd theirs(monitor[1]);
  OwnedFd output(TRY(log_.open(spec_.runtime_directory)));
  qemu_ = TRY(start_qemu(request, theirs.get(), output.get()));
  theirs.reset();
  output.reset();
  Result<QmpClient> client = wait_for_monitor(std::move(ours), *qemu_, end);
  Result<void> written;
  if (client) {
    state_.phase = VmPhase::Running;
    written = write_state(spec_.runtime_directory, state_);
  }
  if (!client) return explain_failure(*qemu_, std::move(client).error());
  if (!written) return explain_failure(*qemu_, std::move(written).error());
  monitor_ = std::move(*client);
  return {};
}

Result<Process> VmSupervisor::start_qemu(const Json& request, int monitor, int output) {
  ProcessSpec spec;
  if (const Json* argv = request.find("argv"); argv != nullptr && argv->as_array() != nullptr) {
    for (const Json& argument : *argv->as_array()) {
      if (argument.as_string() != nullptr) spec.argv.push_back(*argument.as_string());
    }
  }
  for (const std::string& argument :
       {std::string("-chardev"), format("socket,id=cleave-supervisor,fd={}", kMonitorNumber),
        std::string("-mon"), std::string("chardev=cleave-supervisor,mode=control")}) {
    spec.argv.push_back(argument);
  }
  const Json* environment = request.find("environment");
  if (environment != nullptr && environment->as_object() != nullptr) {
    for (const auto& [name, value] : *environment->as_object()) {
      if (value.as_string() != nullptr) spec.environment.emplace_back(name, *value.as_string());
    }
  }
  spec.descriptors = {{1, output}, {2, output}, {kMonitorNumber, monitor}};
  // QEMU keeps the reservations, too: it may outlive its supervisor.
  for (const OwnedFd& reservation : reservations_) {
    spec.descriptors.emplace_back(kFirstReservation + static_cast<int>(spec.descriptors.size()),
                                  reservation.get());
  }
  spec.new_session = true;
  spec.record = [this](const ProcessIdentity& identity) {
    state_.qemu = identity;
    return write_state(spec_.runtime_directory, state_);
  };
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

// Until QEMU greets. Its words are read meanwhile: a full pipe would stop it.
Result<QmpClient> VmSupervisor::wait_for_monitor(OwnedFd monitor, Process& qemu,
                                                 Clock::time_point end) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    std::array<pollfd, 5> waiting{{{.fd = monitor.get(), .events = POLLIN, .revents = 0},
                                   {.fd = qemu.descriptor(), .events = POLLIN, .revents = 0},
                                   {.fd = log_.descriptor(), .events = POLLIN, .revents = 0},
                                   {.fd = starter_.descriptor(), .events = POLLIN, .revents = 0},
                                   {.fd = signals_.get(), .events = POLLIN, .revents = 0}}};
    const int count = ::poll(waiting.data(), waiting.size(),
                             static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000)));
    if (count == 0 && left <= 0) {
      return system_error(ETIMEDOUT, Message(N_("QEMU's monitor did not answer")));
    }
    if (count <= 0) continue;
    const auto ready = [&waiting](size_t index) { return waiting.at(index).revents != 0; };
    if (ready(2)) log_.drain();
    // The starter says nothing while it waits: this is its end.
    if (ready(3) || ready(4)) {
      return error_of(ErrorCode::Interrupted, {N_("The start of the VM was given up")});
    }
    if (ready(0)) {
      return QmpClient::negotiate(std::move(monitor),
                                  std::chrono::milliseconds(std::max<std::int64_t>(left, 1)));
    }
    if (ready(1)) return error_of(ErrorCode::Io, {N_("QEMU ended at once")});
  }
}

// Ends QEMU if it still runs, and puts its own words into the error.
Error VmSupervisor::explain_failure(Process& qemu, Error error) {
  // It may be on its way out, with a last message: a moment before it is killed.
  const bool closed_monitor = error.error_number == ECONNRESET || error.code == ErrorCode::Io;
  const auto ended =
      qemu.wait(closed_monitor && error.error_number != ETIMEDOUT ? std::chrono::milliseconds(2000)
                                                                  : std::chrono::milliseconds(0));
  const bool by_itself = ended && ended->has_value();
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
  while (true) {
    std::array<pollfd, 5> waiting{
        {{.fd = qemu_->descriptor(), .events = POLLIN, .revents = 0},
         {.fd = monitor_ ? monitor_->descriptor() : -1, .events = POLLIN, .revents = 0},
         {.fd = log_.descriptor(), .events = POLLIN, .revents = 0},
         {.fd = starter_.is_open() ? starter_.descriptor() : -1, .events = POLLIN, .revents = 0},
         {.fd = signals_.get(), .events = POLLIN, .revents = 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    const auto ready = [&waiting](size_t index) { return waiting.at(index).revents != 0; };
    if (ready(2)) log_.drain();
    if (ready(1)) take_event();
    if (ready(3)) starter_.close();
    if (ready(4)) {
      signalfd_siginfo information{};
      const ssize_t count = ::read(signals_.get(), &information, sizeof(information));
      if (count > 0) (void)qemu_->send_signal(SIGTERM);
    }
    if (ready(0)) break;
  }
  while (monitor_) take_event();
  const ProcessEnd end = reap(*qemu_);
  log_.drain();
  finish(make_end(end));
  if (starter_.is_open()) {
    (void)starter_.send(Json::object({{"end", to_json(*state_.end)}}));
  }
}

void VmSupervisor::take_event() {
  Result<std::optional<QmpEvent>> event = monitor_->next_event(std::chrono::milliseconds(0));
  while (event && event->has_value()) {
    // The first one tells why; a second can follow when QEMU is asked again while it goes down.
    if ((*event)->name == "SHUTDOWN" && !shutdown_) shutdown_ = std::move(**event);
    event = monitor_->next_event(std::chrono::milliseconds(0));
  }
  if (!event) monitor_.reset();
}

VmEnd VmSupervisor::make_end(const ProcessEnd& process) const {
  VmEnd end;
  end.exit_status = process.exit_status;
  end.signal = process.signal;
  end.last_words = log_.words();
  bool by_guest = false;
  if (shutdown_) {
    end.shutdown_reason = shutdown_->data.text_of("reason");
    const Json* guest = shutdown_->data.find("guest");
    by_guest = guest != nullptr && guest->as_bool() != nullptr && *guest->as_bool();
  }
  if (process.signal != 0) {
    end.kind = VmEndKind::Killed;
  } else if (process.exit_status != 0) {
    end.kind = VmEndKind::Failed;
  } else if (by_guest) {
    end.kind = VmEndKind::GuestShutdown;
  } else {
    end.kind = VmEndKind::HostRequest;
  }
  return end;
}

// Sockets, vGPU, and only then the word that it is over: whoever kills us between finds a VM that
// "runs" without a process, and does the rest.
void VmSupervisor::finish(VmEnd end) {
  remove_runtime_files(spec_.runtime_directory);
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
