#include "app/vm_control.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "app/vm.h"
#include "base/format.h"
#include "base/text.h"
#include "run/local_socket.h"
#include "run/vm_state.h"
#include "vm/check.h"
#include "vm/key_names.h"

namespace cleave {
namespace {

// `info` of a large guest under load, or a commit of a disk.
constexpr auto kMonitorPatience = std::chrono::minutes(5);
constexpr std::uint64_t kLeastBalloon = std::uint64_t{16} << 20U;  // less ends any guest
// A guest that gives memory back does so within a second; without the driver it never does.
constexpr auto kBalloonPatience = std::chrono::seconds(2);
constexpr auto kLookAgain = std::chrono::milliseconds(100);

Result<std::string> status_of(QmpClient& monitor) {
  const Json status = TRY(monitor.execute("query-status"));
  return printable(status.text_of("status"));
}

// Whether its processors run: "running" is one of several names for it (qapi/run-state.json).
Result<bool> is_running(QmpClient& monitor) {
  const Json status = TRY(monitor.execute("query-status"));
  const Json* running = status.find("running");
  return running != nullptr && running->as_bool() != nullptr && *running->as_bool();
}

Result<void> pause(QmpClient& monitor, ControlReport& report) {
  if (!TRY(is_running(monitor))) return {};
  TRY(monitor.execute("stop"));
  report.changed = true;
  return {};
}

Result<void> resume(QmpClient& monitor, ControlReport& report) {
  // The guest itself sleeps (ACPI S3): its processors "run", and nothing but this wakes it.
  if (report.before == "suspended") {
    TRY(monitor.execute("system_wakeup"));
    report.changed = true;
    return {};
  }
  if (TRY(is_running(monitor))) return {};
  Result<Json> continued = monitor.execute("cont");
  if (!continued) {
    Error error = std::move(continued).error();
    error.remedy = {N_("A guest that has stopped for good can be started anew: cleave vm reset "
                       "{name}, then cleave vm resume {name}."),
                    {{"name", report.name}}};
    return error;
  }
  report.changed = true;
  return {};
}

Error no_balloon(const VmState& state) {
  const bool has_devices = !state.devices.empty() || state.vgpu.has_value();
  return error_of(
      ErrorCode::Unsupported, {N_("The VM {name} has no memory balloon"), {{"name", state.name}}},
      has_devices ? Message(N_("It has a device of the host (VFIO), for which all of its memory is "
                               "pinned: nothing could be given back."))
                  : Message(N_("Its definition says balloon = false. Change that, and start the VM "
                               "anew.")));
}

Result<std::uint64_t> balloon_size(QmpClient& monitor) {
  const Json answer = TRY(monitor.execute("query-balloon"));
  const Json* actual = answer.find("actual");
  return actual == nullptr ? 0 : actual->as_unsigned().value_or(0);
}

Result<std::uint64_t> full_memory(QmpClient& monitor) {
  const Json answer = TRY(monitor.execute("query-memory-size-summary"));
  const Json* base = answer.find("base-memory");
  return base == nullptr ? 0 : base->as_unsigned().value_or(0);
}

}  // namespace

Result<OwnedFd> keep_stopped(const VmEnvironment& environment, const std::string& vm_name) {
  const VmReport report = TRY(vm_status(environment, vm_name, false));
  const Error runs =
      error_of(ErrorCode::Conflict, {N_("The VM {name} runs"), {{"name", report.name}}},
               {N_("Shut it down first: cleave vm stop {name}"), {{"name", report.name}}});
  if (is_alive(report.seen)) return runs;
  TRY(make_system_runtime_directory(environment, report.runtime_directory));
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  TRY(prepare_runtime_directory(report.runtime_directory));
  std::optional<OwnedFd> lock = TRY(lock_runtime_directory(report.runtime_directory));
  if (!lock) return runs;
  return std::move(*lock);
}

Result<ControlReport> control_vm(const HostReader& host, const VmEnvironment& environment,
                                 const std::string& name, ControlAction action) {
  QmpClient monitor = TRY(connect_monitor(host, environment, name));
  ControlReport report{.name = vm_name_of(name), .before = TRY(status_of(monitor)), .after = {}};
  switch (action) {
    case ControlAction::Pause:
      TRY(pause(monitor, report));
      break;
    case ControlAction::Resume: {
      TRY(resume(monitor, report));
      // It is nothing that a suspend has left any more.
      const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
      remove_suspend_mark(runtime_directory(environment, report.name));
      break;
    }
    case ControlAction::Reset:
      TRY(monitor.execute("system_reset"));
      report.changed = true;
      break;
  }
  report.after = TRY(status_of(monitor));
  return report;
}

Result<std::size_t> send_keys(const HostReader& host, const VmEnvironment& environment,
                              const std::string& name,
                              const std::vector<std::string>& combinations) {
  std::vector<Json> requests;
  for (const std::string& combination : combinations) {
    Json keys = Json::array();
    for (const std::string& code : TRY(parse_key_combination(combination))) {
      keys.push_back(Json::object({{"type", "qcode"}, {"data", code}}));
    }
    requests.push_back(Json::object({{"keys", std::move(keys)}}));
  }
  QmpClient monitor = TRY(connect_monitor(host, environment, name));
  const std::string status = TRY(status_of(monitor));
  if (!TRY(is_running(monitor)) && status != "suspended") {
    return error_of(ErrorCode::Conflict,
                    {N_("The guest of {name} is not running ({status}): it would see no key"),
                     {{"name", vm_name_of(name)}, {"status", status}}},
                    {N_("Let it run: cleave vm resume {name}"), {{"name", vm_name_of(name)}}});
  }
  // QEMU queues them, each held for 100 ms (qapi/ui.json, send-key).
  for (Json& request : requests) TRY(monitor.execute("send-key", std::move(request)));
  return requests.size();
}

Result<std::string> monitor_command(const HostReader& host, const VmEnvironment& environment,
                                    const std::string& name, const std::string& command) {
  QmpClient monitor = TRY(connect_monitor(host, environment, name));
  const Json answer = TRY(monitor.execute(
      "human-monitor-command", Json::object({{"command-line", command}}), kMonitorPatience));
  if (answer.as_string() == nullptr) return std::string();
  return printable(replace_all(*answer.as_string(), "\r\n", "\n"));
}

Result<std::vector<std::string>> device_ids(QmpClient& monitor) {
  const Json all =
      TRY(monitor.execute("qom-list", Json::object({{"path", "/machine/peripheral"}})));
  std::vector<std::string> ids;
  if (all.as_array() == nullptr) return ids;
  for (const Json& each : *all.as_array()) {
    if (each.text_of("type").starts_with("child<")) ids.emplace_back(each.text_of("name"));
  }
  return ids;
}

Result<BalloonReport> set_balloon(const HostReader& host, const VmEnvironment& environment,
                                  const std::string& name, const std::string& size) {
  const auto bytes = size_in_bytes(size);
  if (!bytes || *bytes < kLeastBalloon) {
    return error_of(
        ErrorCode::Malformed,
        {N_("“{size}” is no size of memory: a whole number with M or G, at least {least}"),
         {{"size", printable(size)}, {"least", size_text(kLeastBalloon)}}});
  }
  QmpClient monitor = TRY(connect_monitor(host, environment, name));
  const std::vector<std::string> ids = TRY(device_ids(monitor));
  if (std::ranges::find(ids, "balloon") == ids.end()) {
    return no_balloon(TRY(vm_status(environment, name, false)).seen.state);
  }
  const std::uint64_t most = TRY(full_memory(monitor));
  if (*bytes > most) {
    return error_of(
        ErrorCode::Malformed,
        {N_("The VM {name} was started with {most} of memory, and cannot have {size}"),
         {{"name", vm_name_of(name)}, {"most", size_text(most)}, {"size", size_text(*bytes)}}});
  }
  TRY(monitor.execute("balloon", Json::object({{"value", *bytes}})));
  BalloonReport report{.wanted = *bytes, .actual = 0};
  const auto end = std::chrono::steady_clock::now() + kBalloonPatience;
  while (true) {
    report.actual = TRY(balloon_size(monitor));
    if (report.actual == report.wanted || std::chrono::steady_clock::now() >= end) return report;
    std::this_thread::sleep_for(kLookAgain);
  }
}

Result<OwnedFd> connect_console(const HostReader& host, const VmEnvironment& environment,
                                const std::string& name) {
  const VmReport report = TRY(vm_status(environment, name, false));
  if (!is_alive(report.seen)) return not_running(host, environment, name);
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  const std::string socket = join_path(report.runtime_directory, kSerialSocket);
  if (::access(socket.c_str(), F_OK) != 0) {
    return error_of(ErrorCode::Unsupported,
                    {N_("The VM {name} has no serial port"), {{"name", report.name}}},
                    {N_("Write serial = true into its definition and start it anew; a Linux guest "
                        "also needs console=ttyS0 in its kernel's arguments.")});
  }
  return connect_local_socket(socket);
}

}  // namespace cleave
