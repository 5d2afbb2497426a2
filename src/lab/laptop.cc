#include "lab/laptop.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/format.h"
#include "base/text.h"
#include "host/program.h"
#include "lab/agent_client.h"
#include "lab/cache.h"
#include "lab/initramfs.h"
#include "lab/kernel_supply.h"
#include "lab/module_tree.h"
#include "lab/qemu_arguments.h"
#include "lab/registry.h"
#include "run/local_socket.h"
#include "run/process.h"

namespace cleave {

struct PreparedLaptop {
  LabKernel kernel;
  ModuleTree modules;
};

namespace {

using Clock = std::chrono::steady_clock;

// The console's log is cut to its end when it is above the first size and somebody looks; QEMU is
// ended by the kernel (RLIMIT_FSIZE) if it ever writes more than the second.
constexpr std::uint64_t kConsoleCut = std::uint64_t{4} << 20U;
constexpr std::uint64_t kConsoleLimit = std::uint64_t{32} << 20U;
constexpr std::size_t kConsoleKept = std::size_t{1} << 20U;
constexpr std::size_t kConsoleLines = 20;
constexpr std::size_t kPanicLines = 200;
constexpr std::chrono::seconds kSocketLimit{10};
constexpr std::chrono::seconds kGreetingLimit{10};
constexpr std::chrono::seconds kPowerOffLimit{10};
constexpr std::chrono::seconds kKillLimit{5};
constexpr std::chrono::seconds kFetchLimit{120};

Result<PreparedLaptop> prepare(const LaptopOptions& options, const LaptopProgress& progress) {
  TRY(check_lab_tools());
  TRY(make_directories(options.cache_directory));
  const OwnedFd lock =
      TRY(wait_for_lock(options.cache_directory + "/lock", options.cancel_descriptor, [&] {
        if (progress) progress(Message(N_("wait for another cleave that prepares a laptop")));
      }));
  PreparedLaptop prepared;
  prepared.kernel = TRY(supply_kernel(options, progress));
  prepared.modules = TRY(supply_modules(prepared.kernel, options, progress));
  return prepared;
}

// The laptop has a /tmp and a /run of its own; what it needs of this machine's must stay in sight.
std::vector<std::string> kept_directories(const std::vector<std::string>& needed) {
  std::vector<std::string> kept;
  for (const std::string& directory : needed) {
    if (!directory.starts_with("/tmp/") && !directory.starts_with("/run/")) continue;
    if (std::ranges::find(kept, directory) == kept.end()) kept.push_back(directory);
  }
  return kept;
}

Result<void> write_initramfs(const PreparedLaptop& prepared, const LaptopOptions& options,
                             const LaptopRecord& record) {
  const ModuleTree& tree = prepared.modules;
  const auto boot = TRY(load_order(tree.table, laptop_boot_modules(tree)));
  std::vector<std::string> asked = laptop_boot_modules(tree);
  std::ranges::copy(laptop_modules(tree, options.sample_drivers), std::back_inserter(asked));
  const auto all = TRY(load_order(tree.table, asked));
  InitScript script;
  script.agent_program = options.agent_program;
  if (script.agent_program.empty()) script.agent_program = TRY(own_program());
  script.kernel_version = prepared.kernel.version;
  script.module_tree = tree.directory;
  if (std::filesystem::exists(prepared.kernel.config)) {
    script.kernel_config = prepared.kernel.config;
  }
  // The order of all begins with the order of the boot modules.
  for (std::size_t i = 0; i < all.size(); ++i) {
    (i < boot.size() ? script.boot_modules : script.later_modules).push_back(module_name(all[i]));
  }
  const std::filesystem::path program(script.agent_program);
  script.kept_directories = kept_directories(
      {program.parent_path().string(), options.source_directory, options.cache_directory});
  const std::string archive = TRY(make_initramfs(init_script(script), tree.directory, all));
  return write_whole_file(record.initramfs(), archive, 0600);
}

Error with_lines(Error error, const std::string& path, std::size_t count) {
  const std::string tail = file_tail(path, count);
  if (!tail.empty()) {
    error.context.push_back(
        Message(N_("Last lines of {path}:\n{lines}"), {{"path", path}, {"lines", tail}}));
  }
  return error;
}

// As kernel/panic.c prints it; the trace after it can be longer than what is shown.
std::string panic_line(const std::string& console) {
  const std::size_t start = console.find("Kernel panic - not syncing");
  if (start == std::string::npos) return {};
  return console.substr(start, console.find('\n', start) - start);
}

// QEMU makes the socket a little after its start.
Result<OwnedFd> connect_agent(const std::string& path, const OwnedFd& qemu) {
  const auto end = Clock::now() + kSocketLimit;
  while (true) {
    Result<OwnedFd> socket = connect_local_socket(path);
    if (socket || Clock::now() > end) return socket;
    if (TRY(wait_for_end(qemu, std::chrono::milliseconds(20)))) return socket;
  }
}

void cut_console(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0 ||
      static_cast<std::uint64_t>(found.st_size) < kConsoleCut) {
    return;
  }
  const OwnedFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
  std::string tail(kConsoleKept, '\0');
  const off_t start = found.st_size - static_cast<off_t>(kConsoleKept);
  const ssize_t count = ::pread(file.get(), tail.data(), tail.size(), start);
  if (count <= 0 || ::ftruncate(file.get(), 0) != 0) return;
  // A short write loses some of the log, which is what cutting is for.
  const ssize_t written = ::write(file.get(), tail.data(), static_cast<std::size_t>(count));
  (void)written;
}

// The console of a laptop nobody looks at must not fill the machine's memory.
Result<void> limit_console(const ProcessIdentity& identity) {
  const rlimit limit{.rlim_cur = kConsoleLimit, .rlim_max = kConsoleLimit};
  if (::prlimit(static_cast<pid_t>(identity.process_id), RLIMIT_FSIZE, &limit, nullptr) == 0) {
    return {};
  }
  return system_error(errno, Message(N_("Could not limit the console's log")));
}

}  // namespace

struct Laptop::State {
  LaptopRegistry registry;
  LaptopRecord record;
  bool temporary = true;
  std::optional<Process> process;  // if it is this process's child
  OwnedFd qemu;                    // pidfd
  OwnedFd in_use;                  // lock
  std::optional<AgentClient> agent;
  int cancel = -1;

  State(LaptopRegistry its_registry, LaptopRecord its_record)
      : registry(std::move(its_registry)), record(std::move(its_record)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  State(State&&) = delete;
  State& operator=(State&&) = delete;
  ~State() {
    if (temporary) end();
  }

  Result<void> start_qemu(const LaptopHardware& hardware, bool die_with_parent);
  Result<void> talk(std::chrono::milliseconds limit);
  Error told_by_console(Error error);
  void end();
};

Result<void> Laptop::State::start_qemu(const LaptopHardware& hardware, bool die_with_parent) {
  const OwnedFd log(
      ::open(record.qemu_log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log.is_open()) {
    return system_error(errno, Message(N_("Could not write {path}"), {{"path", record.qemu_log()}}),
                        record.qemu_log());
  }
  ProcessSpec spec;
  spec.argv = qemu_arguments(hardware);
  spec.descriptors = {{1, log.get()}, {2, log.get()}};
  // A Ctrl-C at the terminal is cleave's to handle.
  spec.new_session = true;
  spec.die_with_parent = die_with_parent;
  spec.working_directory = "/";
  spec.record = [&](const ProcessIdentity& identity) -> Result<void> {
    record.laptop = identity;
    TRY(limit_console(identity));
    return registry.save(record);
  };
  process = TRY(Process::start(spec));
  if (!record.laptop) return system_error(ECHILD, Message(N_("QEMU ended at once")));
  qemu = TRY(open_process(*record.laptop));
  return {};
}

Result<void> Laptop::State::talk(std::chrono::milliseconds limit) {
  OwnedFd socket = TRY(connect_agent(record.agent_socket(), qemu));
  agent.emplace(std::move(socket), AgentWatch{.laptop = qemu.get(), .cancel = cancel});
  const AgentReply hello = TRY(agent->greet(limit));
  if (hello.failed_modules.empty()) return {};
  return lab_error(ErrorCode::Io,
                   Message(N_("Modules of the laptop did not load: {modules}"),
                           {{"modules", printable(join(hello.failed_modules, ", "))}}));
}

Error Laptop::State::told_by_console(Error error) {
  const std::string panic = panic_line(file_tail(record.console_log(), kPanicLines));
  if (!panic.empty()) {
    error.message =
        Message(N_("The kernel of the virtual laptop stopped: {line}"), {{"line", panic}});
  }
  error = with_lines(std::move(error), record.qemu_log(), kConsoleLines);
  return with_lines(std::move(error), record.console_log(), kConsoleLines);
}

void Laptop::State::end() {
  agent.reset();
  if (qemu.is_open()) {
    // Gone already is as good.
    (void)send_signal_to(qemu, SIGKILL).has_value();
    (void)wait_for_end(qemu, kKillLimit).has_value();
    if (process) (void)process->wait(kKillLimit).has_value();
  }
  qemu.reset();
  process.reset();
  registry.remove(record);
}

Laptop::Laptop(std::unique_ptr<State> state) : state_(std::move(state)) {}
Laptop::Laptop(Laptop&&) noexcept = default;
Laptop& Laptop::operator=(Laptop&&) noexcept = default;
Laptop::~Laptop() = default;

Result<Laptop> Laptop::start(const LaptopOptions& options, const LaptopProgress& progress) {
  LaptopHardware hardware;
  hardware.command_line =
      TRY(laptop_command_line(options.kernel_arguments, options.module_parameters));
  hardware.memory_mb = options.memory_mb;
  hardware.cpus = options.cpus;
  hardware.devices = options.devices;
  const PreparedLaptop prepared = TRY(prepare(options, progress));
  if (progress) {
    progress(Message(N_("boot the virtual laptop (Linux {version})"),
                     {{"version", prepared.kernel.version}}));
  }
  // About one boot in sixty hangs under emulation with both processors spinning and nothing on
  // the console; why is not known. So each of two tries gets half of the time.
  Result<Laptop> laptop = boot(options, prepared, hardware);
  const bool hung = !laptop && laptop.error().error_number == ETIMEDOUT;
  return hung ? boot(options, prepared, std::move(hardware)) : std::move(laptop);
}

Result<Laptop> Laptop::boot(const LaptopOptions& options, const PreparedLaptop& prepared,
                            LaptopHardware hardware) {
  LaptopRegistry registry = TRY(LaptopRegistry::open());
  LaptopRecord record = TRY(registry.claim(options.name));
  // From here on the state's end removes the directory and QEMU.
  auto state = std::make_unique<State>(std::move(registry), std::move(record));
  state->cancel = options.cancel_descriptor;
  state->in_use = TRY(try_lock(state->record.lock_file()));
  state->record.memory_mb = options.memory_mb;
  state->record.kernel = prepared.kernel.version;
  TRY(write_initramfs(prepared, options, state->record));
  hardware.kernel_image = prepared.kernel.image;
  hardware.initramfs = state->record.initramfs();
  hardware.agent_socket = state->record.agent_socket();
  hardware.console_log = state->record.console_log();
  TRY(state->start_qemu(hardware, options.name.empty()));
  Result<void> talking = state->talk(options.boot_limit / 2);
  if (!talking) {
    Error error = state->told_by_console(std::move(talking).error());
    error.context.push_back(Message(N_("Booting the virtual laptop")));
    return error;
  }
  ::unlink(state->record.initramfs().c_str());
  if (!options.name.empty()) {
    state->record.owner.reset();
    TRY(state->registry.save(state->record));
    state->temporary = false;
  }
  return Laptop(std::move(state));
}

Result<Laptop> Laptop::attach(const std::string& name, int cancel_descriptor) {
  LaptopRegistry registry = TRY(LaptopRegistry::open());
  LaptopRecord record = TRY(registry.find(name));
  auto state = std::make_unique<State>(std::move(registry), std::move(record));
  state->temporary = false;
  state->cancel = cancel_descriptor;
  Result<OwnedFd> lock = try_lock(state->record.lock_file());
  if (!lock && lock.error().code == ErrorCode::Busy) {
    return lab_error(
        ErrorCode::Busy,
        Message(N_("Another cleave is using the virtual laptop {name}"), {{"name", name}}));
  }
  state->in_use = TRY(std::move(lock));
  state->qemu = TRY(open_process(*state->record.laptop));
  Result<void> talking = state->talk(kGreetingLimit);
  if (!talking) return state->told_by_console(std::move(talking).error());
  return Laptop(std::move(state));
}

Result<LaptopCommandEnd> Laptop::run(const LaptopCommand& command) {
  State& state = *state_;
  if (!state.agent) {
    return system_error(EPIPE, Message(N_("The virtual laptop has ended")));
  }
  cut_console(state.record.console_log());
  Result<int> status = state.agent->run(command);
  if (!status) {
    Error error = std::move(status).error();
    // The agent answered that it could not start the command: the laptop is well.
    const bool ended = error.error_number == ETIMEDOUT || error.error_number == EPIPE;
    if (!ended) return error;
    if (error.error_number == ETIMEDOUT) {
      error.message = Message(N_("The command did not end within {seconds} seconds; the virtual "
                                 "laptop was ended"),
                              {{"seconds", command.limit.count()}});
    }
    error = state.told_by_console(std::move(error));
    state.end();
    return error;
  }
  LaptopCommandEnd end{.exit_status = *status, .missing_files = {}};
  for (const FetchedFile& file : command.fetch) {
    Result<void> fetched = state.agent->fetch(file, kFetchLimit);
    if (fetched) continue;
    if (fetched.error().code != ErrorCode::NotFound) {
      return state.told_by_console(std::move(fetched).error());
    }
    end.missing_files.push_back(file.laptop_path);
  }
  return end;
}

Result<void> Laptop::shut_down() {
  State& state = *state_;
  if (state.agent) {
    const Result<void> asked = state.agent->request_power_off();
    // If it did not take the request, it will not go by itself.
    if (asked) (void)TRY(wait_for_end(state.qemu, kPowerOffLimit));
  }
  state.end();
  return {};
}

std::string Laptop::console_tail(std::size_t line_count) const {
  return file_tail(state_->record.console_log(), line_count);
}

std::uint32_t Laptop::process_id() const {
  return state_->record.laptop ? state_->record.laptop->process_id : 0;
}

Result<std::vector<LaptopEntry>> list_laptops() {
  const LaptopRegistry registry = TRY(LaptopRegistry::open());
  std::vector<LaptopEntry> entries;
  for (const LaptopRecord& record : TRY(registry.list())) {
    if (record.owner || !record.laptop) continue;
    entries.push_back({.name = record.name,
                       .process_id = record.laptop->process_id,
                       .memory_mb = record.memory_mb,
                       .kernel = record.kernel,
                       .directory = record.directory});
  }
  return entries;
}

// NOLINTBEGIN(concurrency-mt-unsafe): nobody calls setenv
Result<std::string> lab_cache_directory() {
  const auto absolute = [](const char* value) { return value != nullptr && value[0] == '/'; };
  if (const char* chosen = std::getenv("CLEAVE_LAB_CACHE"); absolute(chosen))
    return std::string(chosen);
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); absolute(cache)) {
    return format("{}/cleave/lab", cache);
  }
  if (const char* home = std::getenv("HOME"); absolute(home)) {
    return format("{}/.cache/cleave/lab", home);
  }
  return lab_error(ErrorCode::NotFound,
                   Message(N_("There is no place for the laptop's kernel: neither CLEAVE_LAB_CACHE "
                              "nor HOME is an absolute path")));
}

Result<std::string> lab_source_directory() {
  namespace fs = std::filesystem;
  std::vector<fs::path> candidates;
  if (const char* data = std::getenv("CLEAVE_DATA"); data != nullptr) candidates.emplace_back(data);
  const fs::path program = TRY(own_program());
  for (fs::path above = program.parent_path(); above != above.root_path();
       above = above.parent_path()) {
    candidates.push_back(above);
    candidates.push_back(above / "share/cleave");
  }
  for (const fs::path& candidate : candidates) {
    std::error_code problem;
    const fs::path real = fs::canonical(candidate, problem);
    if (!problem && fs::exists(real / "lab/kernel/Kbuild", problem)) return real.string();
  }
  return lab_error(ErrorCode::NotFound,
                   Message(N_("The sources of the laptop's kernel modules are not there")), {},
                   Message(N_("Set CLEAVE_DATA to the directory that holds lab/kernel.")));
}
// NOLINTEND(concurrency-mt-unsafe)

}  // namespace cleave
