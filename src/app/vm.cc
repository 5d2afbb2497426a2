#include "app/vm.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>

#include "app/give_back.h"
#include "app/qemu.h"
#include "app/sleep.h"
#include "app/units.h"
#include "app/vm_ask.h"
#include "app/vm_bridges.h"
#include "app/vm_companions.h"
#include "app/vm_files.h"
#include "app/vm_gpu.h"
#include "app/vm_handover.h"
#include "apply/transaction.h"
#include "base/format.h"
#include "base/text.h"
#include "host/inhibitor.h"
#include "run/own_process.h"
#include "run/picture.h"
#include "run/rfb.h"
#include "run/usb_drivers.h"
#include "ways/ways.h"

namespace cleave {
namespace {

// Where OpenGL is done in software on a machine that is busy, one picture takes half a minute.
constexpr std::chrono::seconds kPictureLimit(90);
constexpr std::size_t kDefinitionLimit = std::size_t{1} << 20U;
// Beside the guest's memory: QEMU's own mappings that VFIO pins, too; libvirt adds as much
// (qemuDomainGetMemLockLimitBytes).
constexpr std::uint64_t kMemoryLockSlack = std::uint64_t{1} << 30U;
// For the supervisor to clear up once QEMU has ended, and for QEMU to obey `quit` or a signal.
constexpr auto kPatience = std::chrono::seconds(10);
// For QEMU to answer when a person waits for it: it needs milliseconds, on a busy machine more.
constexpr auto kStatusPatience = std::chrono::seconds(1);
constexpr auto kMonitorPatience = std::chrono::seconds(5);

Message located(const std::string& file, const DefinitionProblem& problem) {
  return {N_("{file}, line {line}, column {column}: {problem}"),
          {{"file", file},
           {"line", problem.position.line},
           {"column", problem.position.column},
           {"problem", english(problem.message)}}};
}

// How much QEMU may lock: what VFIO pins of this guest's memory, and not more. Others than root may
// only go up to their hard limit; whether that is enough check_machine() tells.
std::optional<std::uint64_t> memory_lock_for(const VmEnvironment& environment, const Vm& vm) {
  rlimit limit{};
  const bool pins = hands_over_pci(vm) || (vm.gpu && vm.gpu->way != virtio_gpu_way().id());
  if (!pins || ::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return std::nullopt;
  const std::uint64_t needed = vm.memory_bytes + kMemoryLockSlack;
  const bool may = environment.is_root || limit.rlim_max == RLIM_INFINITY;
  return may ? needed : std::min<std::uint64_t>(needed, limit.rlim_max);
}

std::vector<std::pair<std::string, std::string>> environment_for(const VmEnvironment& environment,
                                                                 const CommandLine& line) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const auto& [name, value] : line.environment_defaults) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody calls setenv
    if (::getenv(name.c_str()) == nullptr) variables.emplace_back(name, value);
  }
  if (!environment.is_root) return variables;
  // Root's own places are no use to the user that QEMU runs as.
  variables.emplace_back("HOME", environment.owner.home);
  variables.emplace_back("USER", environment.owner.name);
  variables.emplace_back("LOGNAME", environment.owner.name);
  const std::string runtime = format("{}/{}", environment.user_runtime_base, environment.owner.uid);
  if (environment.by_sudo && ::access(runtime.c_str(), F_OK) == 0) {
    variables.emplace_back("XDG_RUNTIME_DIR", runtime);
  }
  return variables;
}

// A further PCI device loses its state in a suspend as that of [gpu] does.
std::string way_for_suspend(const Vm& vm) {
  const bool has_vgpu = vm.gpu && !hands_over_pci(*vm.gpu) && vm.gpu->way != virtio_gpu_way().id();
  if (hands_over_pci(vm) && !has_vgpu) return passthrough_way().id();
  return vm.gpu ? vm.gpu->way : "";
}

// Completes what choose_devices() has begun.
Result<CommandLine> line_for(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                             const FirmwareChoice& firmware, StartResources resources) {
  resources.runtime_directory = runtime_directory(environment, vm.name);
  resources.firmware = firmware.files;
  resources.audio_backend = choose_audio_backend(host, environment, vm);
  CommandLine line = build_command_line(vm, resources);
  if (auto built = program_of_build(host, vm.qemu)) line.program = std::move(*built);
  return line;
}

// What QEMU can do decides about the GPU, the sound and what is refused; it is asked once, and what
// cannot be kept is asked again at the next start.
void learn_of_qemu(HostWriter& host, const Vm& vm) {
  const Result<std::string> program = find_qemu_program(host, vm.qemu);
  if (program) (void)learn_qemu_abilities(host, *program);
}

Result<void> give_bridges(const HostReader& host, const Vm& vm, Supervisor& supervisor) {
  const std::vector<GivenFile> ends = TRY(open_bridges(host, vm));
  return ends.empty() ? Result<void>() : supervisor.give(ends);
}

// By the names that vm/device_arguments.cc gives them.
DiskNames disk_names(const Vm& vm) {
  DiskNames names;
  for (std::size_t i = 0; i < vm.disks.size(); ++i) {
    names.emplace_back(format("drive{}", i), vm.disks[i].file);
  }
  return names;
}

Result<LaunchedVm> launch(HostWriter& host, const VmEnvironment& environment,
                          const StartRequest& request, Supervisor& supervisor,
                          VmHandover& handover) {
  const FirmwareChoice firmware = TRY(choose_firmware(host, environment, request.vm));
  TRY(make_nvram(host, environment, request.vm, firmware));
  StartResources resources = TRY(handover.prepare(
      environment, {.vm = request.vm, .show_plan = request.show_plan, .force = request.force},
      supervisor));
  const CommandLine line =
      TRY(line_for(host, environment, request.vm, firmware, std::move(resources)));
  TRY(give_bridges(host, request.vm, supervisor));
  std::vector<CompanionSpec> companions = TRY(prepare_companions(host, environment, request.vm));
  if (request.before_launch) request.before_launch();
  return supervisor.launch({.argv = line.argv(),
                            .environment = environment_for(environment, line),
                            .limit = request.limit,
                            .companions = std::move(companions),
                            .pin = request.vm.pin,
                            .disks = disk_names(request.vm)});
}

Error monitor_silent() {
  return system_error(ETIMEDOUT, Message(N_("QEMU's monitor did not answer")));
}

// A monitor serves one client at a time: where another has the first, there is the second.
Result<QmpClient> any_monitor(const std::string& directory, std::chrono::milliseconds limit) {
  Result<QmpClient> first = QmpClient::connect(join_path(directory, kQmpSocket), limit);
  if (first) return first;
  Result<QmpClient> second = QmpClient::connect(join_path(directory, kToolsSocket), limit);
  return second ? std::move(second) : std::move(first);
}

// Waits for QEMU's supervisor to clear up, and looks again.
Result<VmReport> report_after_end(const VmEnvironment& environment, const VmReport& before) {
  if (before.seen.state.supervisor) {
    const Result<OwnedFd> supervisor = open_process(*before.seen.state.supervisor);
    if (supervisor) (void)TRY(wait_for_end(*supervisor, kPatience));
  }
  return vm_status(environment, before.name, false);
}

std::string read_file_as_it_is(const std::string& path, std::size_t limit) {
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  std::string content;
  std::string piece(std::size_t{1} << 16U, '\0');
  while (file.is_open() && content.size() <= limit) {
    const ssize_t count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    content.append(piece, 0, static_cast<std::size_t>(count));
  }
  return content;
}

// Until the VM's end, where it stands against a suspend: the supervisor and QEMU keep what is open.
Result<void> keep_awake(Supervisor& supervisor, const std::string& name,
                        const SuspendPolicy& policy) {
  if (policy.action != OnSuspend::Refuse) return {};
  std::vector<OwnedFd> held;
  held.push_back(
      TRY(inhibit_sleep(english({N_("The virtual machine {name} runs. {reason}"),
                                 {{"name", name}, {"reason", english(policy.reason)}}}))));
  return supervisor.keep_reservations(held);
}

// The VM runs whatever comes of this; who has started it is told.
void see_to_giving_back(HostWriter& host, const LaunchedVm& launched, StartedVm& running) {
  const Result<bool> arranged = give_back_at_the_end(
      host, running.name, {launched.supervisor.process_id, launched.qemu.process_id});
  running.give_back = arranged && *arranged ? GiveBack::AtTheEnd : GiveBack::ByRoot;
  if (!arranged) running.no_scope = arranged.error();
}

}  // namespace

bool is_alive(const VmObservation& seen) {
  return seen.status == VmStatus::Running || seen.status == VmStatus::Unsupervised ||
         seen.status == VmStatus::Starting;
}

Result<LoadedVm> load_vm(const HostReader& host, const VmEnvironment& environment,
                         const std::string& name) {
  LoadedVm loaded;
  loaded.file = TRY(find_definition(host, environment, name));
  loaded.name = vm_name_of(loaded.file);
  loaded.text = TRY(host.read_file(loaded.file, kDefinitionLimit));
  loaded.checked = TRY(read_definition(loaded.text, loaded.file, directory_name(loaded.file)));
  if (loaded.checked.vm) loaded.name = loaded.checked.vm->name;
  return loaded;
}

Result<Vm> load_good_vm(const HostReader& host, const VmEnvironment& environment,
                        const std::string& name) {
  LoadedVm loaded = TRY(load_vm(host, environment, name));
  if (loaded.checked.vm) return std::move(*loaded.checked.vm);
  Error error =
      error_of(ErrorCode::Malformed, {N_("The definition of the VM is not right")},
               {N_("`cleave vm check {name}` tells all that is wrong with it."), {{"name", name}}});
  error.path = loaded.file;
  if (!loaded.checked.problems.empty()) {
    error.message = located(loaded.file, loaded.checked.problems.front());
  }
  return error;
}

Result<std::string> write_new_vm(HostWriter& host, const VmEnvironment& environment,
                                 const NewDefinition& wanted, const Translator& translate) {
  if (!is_vm_name(wanted.name)) {
    return error_of(ErrorCode::Malformed,
                    {N_("“{name}” cannot be the name of a VM"), {{"name", printable(wanted.name)}}},
                    {N_("A name has letters, digits, dots, hyphens and underscores, at most 63.")});
  }
  const std::string directory = definition_directories(environment).front();
  std::string path = format("{}/{}.toml", directory, wanted.name);
  if (host.exists(path)) {
    return error_of(
        ErrorCode::Conflict,
        {N_("There is a VM {name} already: {path}"), {{"name", wanted.name}, {"path", path}}},
        {N_("Edit that file, or choose another name.")});
  }
  const std::string text = new_definition_text(wanted, translate);
  const CheckedDefinition checked = TRY(read_definition(text, path, directory));
  if (!checked.vm) {
    Error error = error_of(ErrorCode::Malformed, {N_("Such a VM cannot be")});
    if (!checked.problems.empty()) error.message = checked.problems.front().message;
    return error;
  }
  // In the owner's own directory, as the owner.
  const ActingAs owner =
      environment.by_sudo ? TRY(ActingAs::begin(credentials_of(environment.owner))) : ActingAs();
  TRY(host.create_directories(directory, 0755));
  TRY(host.replace_file(path, text, 0644));
  return path;
}

Result<std::vector<ListedVm>> list_vms(const HostReader& host, const VmEnvironment& environment) {
  std::map<std::string, ListedVm> found;
  for (const std::string& directory : definition_directories(environment)) {
    const Result<std::vector<std::string>> names = host.list_directory(directory);
    if (!names && names.error().code == ErrorCode::NotFound) continue;
    if (!names) return names.error();
    for (const std::string& file : *names) {
      const std::string name = vm_name_of(file);
      if (!file.ends_with(".toml") || !is_vm_name(name)) continue;
      ListedVm vm;
      vm.name = name;
      vm.file = join_path(directory, file);
      found.try_emplace(name, std::move(vm));
    }
  }
  std::vector<ListedVm> listed;
  for (auto& [name, vm] : found) {
    if (host.is_live()) {
      const VmReport report = TRY(vm_status(environment, name, false));
      vm.status = report.seen.status;
      if (is_alive(report.seen) && report.seen.state.qemu) {
        vm.process_id = report.seen.state.qemu->process_id;
      }
    }
    listed.push_back(std::move(vm));
  }
  return listed;
}

Result<CommandLine> command_line_of(const HostReader& host, const VmEnvironment& environment,
                                    const Vm& vm) {
  DeviceChoice choice = TRY(choose_devices(host, environment, vm));
  const FirmwareChoice firmware = TRY(choose_firmware(host, environment, vm));
  return line_for(host, environment, vm, firmware, std::move(choice.resources));
}

Result<StartedVm> start_vm(HostWriter& host, const VmEnvironment& environment,
                           const StartRequest& request) {
  const Vm& vm = request.vm;
  const std::string directory = runtime_directory(environment, vm.name);
  TRY(make_system_runtime_directory(environment, directory));
  SupervisorSpec spec{
      .vm_name = vm.name, .definition = request.definition, .runtime_directory = directory};
  if (environment.is_root) spec.credentials = credentials_of(environment.owner);
  spec.memory_lock = memory_lock_for(environment, vm);
  spec.way = way_for_suspend(vm);
  spec.on_suspend = vm.on_suspend;
  // First of all: it holds the lock, and a process is as large as it was when it was forked.
  Supervisor supervisor = TRY(Supervisor::start(spec));
  learn_of_qemu(host, vm);
  for (VmProblem& problem : TRY(check_machine(host, environment, vm, false))) {
    return error_of(problem.code, std::move(problem.message), std::move(problem.remedy));
  }
  const SuspendPolicy policy = suspend_policy(spec.on_suspend, spec.way, kernel_release(host));
  const Result<void> awake = keep_awake(supervisor, vm.name, policy);
  VmHandover handover(host, TRY(state_directory(host)));
  Result<LaunchedVm> launched = launch(host, environment, request, supervisor, handover);
  if (!launched) {
    for (Error& failure : handover.take_back()) {
      launched.error().context.push_back(std::move(failure.message));
    }
    return std::move(launched).error();
  }
  StartedVm running{.name = vm.name,
                    .runtime_directory = directory,
                    .qmp_socket = join_path(directory, kQmpSocket),
                    .serial_socket = vm.serial ? join_path(directory, kSerialSocket) : "",
                    .qemu = launched->qemu,
                    .vgpu = handover.vgpu(),
                    .devices = handover.devices(),
                    .give_back = GiveBack::Nothing,
                    .no_scope = {},
                    .on_suspend = policy,
                    .no_inhibitor = {},
                    .asked_before_sleep = vms_are_asked(host),
                    .cleaned = supervisor.cleaned(),
                    .failures = std::move(launched->failures),
                    .supervisor = std::move(supervisor)};
  if (!awake) running.no_inhibitor = awake.error();
  if (handover.changed_devices()) see_to_giving_back(host, *launched, running);
  return running;
}

Result<VmReport> vm_status(const VmEnvironment& environment, const std::string& name,
                           bool ask_guest) {
  VmReport report;
  report.name = vm_name_of(name);
  if (!is_vm_name(report.name)) {
    return error_of(ErrorCode::Malformed,
                    {N_("“{name}” cannot be the name of a VM"), {{"name", printable(name)}}});
  }
  report.runtime_directory = runtime_directory(environment, report.name);
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  report.seen = TRY(observe_vm(report.runtime_directory));
  report.suspend_mark = suspend_mark(report.runtime_directory, report.seen.state);
  if (!ask_guest || !is_alive(report.seen) || !report.seen.state.qemu) return report;
  report.is_stopped = is_stopped(*report.seen.state.qemu);
  Result<QmpClient> monitor = report.is_stopped
                                  ? Result<QmpClient>(monitor_silent())
                                  : any_monitor(report.runtime_directory, kStatusPatience);
  const Result<Json> status =
      monitor ? monitor->execute("query-status", Json::object(), kStatusPatience)
              : Result<Json>(monitor.error());
  if (status) report.guest_status = printable(status->text_of("status"));
  report.is_silent = !status && report.seen.status != VmStatus::Starting;
  return report;
}

const char* stop_means_name(StopMeans means) {
  switch (means) {
    case StopMeans::Guest:
      return "guest";
    case StopMeans::Agent:
      return "guest-agent";
    case StopMeans::Quit:
      return "quit";
    case StopMeans::Kill:
      return "kill";
  }
  return "kill";
}

namespace {

// Tries the means in turn until QEMU has ended; the one that did it.
Result<StopMeans> end_qemu(const VmReport& report, const OwnedFd& qemu, StopMeans first,
                           std::chrono::milliseconds limit) {
  if (first != StopMeans::Kill) {
    // A QEMU that was stopped (SIGSTOP) could do nothing of what it is asked.
    (void)send_signal_to(qemu, SIGCONT);
    Result<QmpClient> monitor = any_monitor(report.runtime_directory, kMonitorPatience);
    if (monitor) {
      const auto asked = TRY(ask_guest_to_stop(report.runtime_directory, *monitor, qemu, limit));
      if (asked) return *asked;
    }
    // Its answer may never come: QEMU is busy with ending. SIGTERM does the same where the monitor
    // is others': QEMU writes what it has for the disks, then ends.
    if (!monitor || !monitor->execute("quit")) (void)send_signal_to(qemu, SIGTERM);
    if (TRY(wait_for_end(qemu, kPatience))) return StopMeans::Quit;
  }
  TRY(send_signal_to(qemu, SIGKILL));
  if (TRY(wait_for_end(qemu, kPatience))) return StopMeans::Kill;
  return error_of(ErrorCode::Busy,
                  {N_("QEMU does not end, not even when killed: a driver holds it")},
                  {N_("The kernel's log (dmesg) may tell which; a reboot ends it.")});
}

Result<StopReport> end_vm(const HostReader& host, const VmEnvironment& environment,
                          const std::string& name, StopMeans first,
                          std::chrono::milliseconds limit) {
  const VmReport before = TRY(vm_status(environment, name, false));
  if (!is_alive(before.seen) || !before.seen.state.qemu) {
    return not_running(host, environment, name);
  }
  StopReport report{.means = first, .after = {}};
  {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
    const Result<OwnedFd> qemu = open_own_process(*before.seen.state.qemu);
    if (!qemu && qemu.error().code != ErrorCode::NotFound) return qemu.error();
    const auto usb_nodes = usb_nodes_of(before.seen.state.qemu->process_id);
    if (qemu) report.means = TRY(end_qemu(before, *qemu, first, limit));
    if (report.means == StopMeans::Kill) return_to_drivers(usb_nodes);
  }
  report.after = TRY(report_after_end(environment, before));
  return report;
}

}  // namespace

Result<StopReport> stop_vm(const HostReader& host, const VmEnvironment& environment,
                           const std::string& name, std::chrono::milliseconds limit) {
  return end_vm(host, environment, name, StopMeans::Guest, limit);
}

Result<StopReport> kill_vm(const HostReader& host, const VmEnvironment& environment,
                           const std::string& name) {
  return end_vm(host, environment, name, StopMeans::Kill, {});
}

Result<QmpClient> connect_monitor(const HostReader& host, const VmEnvironment& environment,
                                  const std::string& name) {
  const VmReport report = TRY(vm_status(environment, name, false));
  if (!is_alive(report.seen)) return not_running(host, environment, name);
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  return QmpClient::connect(join_path(report.runtime_directory, kQmpSocket),
                            std::chrono::seconds(10));
}

namespace {

// PPM, which every QEMU can; the runtime directory is the one place that QEMU may surely write.
Result<Picture> dump_screen(QmpClient& monitor, const std::string& directory) {
  const std::string file = join_path(directory, kScreenFile);
  const Result<Json> dumped =
      monitor.execute("screendump", Json::object({{"filename", file}}), kPictureLimit);
  std::string bytes;
  if (dumped) bytes = read_file_as_it_is(file, kMaximumPpmBytes);
  ::unlink(file.c_str());
  if (!dumped) return dumped.error();
  return parse_ppm(bytes);
}

}  // namespace

Result<Picture> take_picture(const HostReader& host, const VmEnvironment& environment,
                             const std::string& name) {
  QmpClient monitor = TRY(connect_monitor(host, environment, name));
  const std::string directory = runtime_directory(environment, vm_name_of(name));
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  // A VM with a VNC socket has egl-headless, whose VNC shows every kind of picture.
  const std::string vnc_socket = join_path(directory, kVncSocket);
  if (::access(vnc_socket.c_str(), F_OK) == 0) return capture_over_rfb(vnc_socket, kPictureLimit);
  return dump_screen(monitor, directory);
}

Result<ScreenshotReport> save_screenshot(const HostReader& host, const VmEnvironment& environment,
                                         const std::string& name, const std::string& file) {
  const Picture picture = TRY(take_picture(host, environment, name));
  const std::string png = TRY(encode_png(picture));
  TRY(save_file(file, png));
  return ScreenshotReport{.width = picture.width, .height = picture.height};
}

}  // namespace cleave
