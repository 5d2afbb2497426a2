#include "app/vm_autostart.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "app/units.h"
#include "app/vm.h"
#include "apply/transaction.h"
#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr const char* kLingering = "/var/lib/systemd/linger";  // loginctl(1), enable-linger
// More than `cleave vm stop` takes with its own limit.
constexpr const char* kLimits = "TimeoutStopSec=90\n";

// Active while the VM runs, failed with QEMU's reason where it failed. What stops the VM first is
// not heard of if it has ended by itself: systemd calls it then, too (systemd.service(5)).
std::string unit_text(const std::string& program, const std::string& vm) {
  return format(
      "# Written by `cleave vm autostart`.\n"
      "[Unit]\n"
      "Description=Virtual machine {}\n"
      "\n"
      "[Service]\n"
      "Type=exec\n"
      "ExecStart={} vm start --foreground {}\n"
      "ExecStop=-{} vm stop {}\n"
      "{}",
      vm, program, vm, program, vm, kLimits);
}

std::string wish_text(const std::string& unit) {
  return format("# Written by `cleave vm autostart`.\n[Unit]\nWants={}\n", unit);
}

// Where units are, and what pulls them in.
struct UnitPlace {
  std::string directory;
  std::string target;
};

bool has_window(const Vm& vm) { return vm.display == "gtk" || vm.display == "sdl"; }

UnitPlace place_of(const VmEnvironment& environment, const Vm& vm, bool of_system) {
  if (of_system) return {.directory = "/etc/systemd/system", .target = "multi-user.target"};
  std::string config = environment.config_home;
  if (!config.starts_with('/')) config = join_path(environment.home, ".config");
  // A window needs the session; the session's target comes after default.target (systemd.special).
  return {.directory = join_path(config, "systemd/user"),
          .target = has_window(vm) ? "graphical-session.target" : "default.target"};
}

Result<void> check_user(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                        Autostart when) {
  if (environment.is_root && when != Autostart::No) {
    return error_of(ErrorCode::Conflict,
                    {N_("The VM {name} is {user}'s, and so are the units that start it"),
                     {{"name", vm.name}, {"user", environment.owner.name}}},
                    {N_("Call this without sudo.")});
  }
  if (when != Autostart::Boot) return {};
  if (has_window(vm)) {
    return error_of(
        ErrorCode::Unsupported,
        {N_("At boot there is no desktop for the window of {name}"), {{"name", vm.name}}},
        {N_("Choose login, or a display without a window.")});
  }
  if (host.exists(join_path(kLingering, environment.owner.name))) return {};
  return error_of(ErrorCode::Unsupported,
                  {N_("Before {user} logs in, nothing of {user}'s is started at boot"),
                   {{"user", environment.owner.name}}},
                  {N_("Allow it: sudo loginctl enable-linger {user}. Or put the definition into "
                      "/etc/cleave/vms, for root."),
                   {{"user", environment.owner.name}}});
}

Result<void> check_system(const VmEnvironment& environment, const Vm& vm, Autostart when) {
  if (when == Autostart::Login) {
    return error_of(ErrorCode::Unsupported,
                    {N_("The VM {name} is the system's: no login starts it"), {{"name", vm.name}}},
                    {N_("Choose boot.")});
  }
  if (environment.by_sudo || environment.is_root) return {};
  return needs_root();
}

// The change that makes the file so; empty if it is. Without `text` it goes.
std::optional<Change> file_change(const HostReader& host, const char* id, Message summary,
                                  const std::string& path, const std::optional<std::string>& text) {
  const Result<std::string> before = host.read_file(path);
  if (text && before && *before == *text) return std::nullopt;
  if (text) {
    return own_file_change(id, std::move(summary), path, *text,
                           before ? content_hash(*before) : kAbsentFile);
  }
  if (!before) return std::nullopt;
  Change change;
  change.id = id;
  change.summary = std::move(summary);
  change.effect = RemoveFile{.path = path, .expected_before = content_hash(*before)};
  change.permanent = true;
  return change;
}

void add_changes(const HostReader& host, const UnitPlace& place, const Vm& vm,
                 const std::optional<std::string>& program, Plan& plan) {
  const std::string unit = format("cleave-vm-{}.service", vm.name);
  std::vector<std::string> targets = {place.target};
  // Where the display was another one before.
  for (const char* target : {"default.target", "graphical-session.target"}) {
    if (place.target != target) targets.emplace_back(target);
  }
  const Message start = {N_("Start the VM {name} by itself"), {{"name", vm.name}}};
  const Message no_start = {N_("No more start the VM {name} by itself"), {{"name", vm.name}}};
  const auto add = [&](std::optional<Change> change) {
    if (change) plan.changes.push_back(*std::move(change));
  };
  add(file_change(host, "autostart.unit", program ? start : no_start,
                  join_path(place.directory, unit),
                  program ? std::optional(unit_text(*program, vm.name)) : std::nullopt));
  for (const std::string& target : targets) {
    const bool wanted = program && target == place.target;
    const std::string path =
        format("{}/{}.d/50-cleave-vm-{}.conf", place.directory, target, vm.name);
    add(file_change(host, "autostart.target", wanted ? start : no_start, path,
                    wanted ? std::optional(wish_text(unit)) : std::nullopt));
  }
}

bool is_listed(const VmEnvironment& environment, const std::string& file) {
  const auto directories = definition_directories(environment);
  return std::ranges::find(directories, std::string(directory_name(file))) != directories.end();
}

}  // namespace

std::optional<Autostart> autostart_of(std::string_view word) {
  if (word == "no") return Autostart::No;
  if (word == "login") return Autostart::Login;
  if (word == "boot") return Autostart::Boot;
  return std::nullopt;
}

const char* autostart_name(Autostart when) {
  switch (when) {
    case Autostart::No:
      return "no";
    case Autostart::Login:
      return "login";
    case Autostart::Boot:
      return "boot";
  }
  return "no";
}

Result<PreparedAutostart> prepare_autostart(const HostReader& host,
                                            const VmEnvironment& environment,
                                            const std::string& name, std::optional<Autostart> when,
                                            const std::string& program) {
  const std::string file = TRY(find_definition(host, environment, name));
  if (!is_started_by_systemd(host)) {
    return error_of(ErrorCode::Unsupported,
                    {N_("This machine was not started by systemd, whose units start VMs")},
                    {N_("Have your own system call: cleave vm start {name}"), {{"name", name}}});
  }
  if (!is_listed(environment, file)) {
    return error_of(
        ErrorCode::Unsupported, {N_("{file} is not where definitions are kept"), {{"file", file}}},
        {N_("Move it to {path}."), {{"path", definition_directories(environment).front()}}});
  }
  const Vm vm = TRY(load_good_vm(host, environment, name));
  PreparedAutostart prepared{.name = vm.name};
  prepared.when = when ? *when : autostart_of(vm.autostart).value_or(Autostart::No);
  prepared.of_system = directory_name(file) == definition_directories(environment).back() ||
                       (environment.is_root && !environment.by_sudo);
  TRY(prepared.of_system ? check_system(environment, vm, prepared.when)
                         : check_user(host, environment, vm, prepared.when));
  prepared.plan.kind = kAutostartPlan;
  prepared.plan.purpose =
      prepared.when == Autostart::No
          ? Message(N_("No more start the VM {name} by itself"), {{"name", vm.name}})
          : Message(N_("Start the VM {name} by itself"), {{"name", vm.name}});
  std::optional<std::string> quoted;
  if (prepared.when != Autostart::No) quoted = TRY(unit_program(program));
  add_changes(host, place_of(environment, vm, prepared.of_system), vm, quoted, prepared.plan);
  return prepared;
}

Result<void> write_user_units(HostWriter& host, const PreparedAutostart& prepared) {
  for (const Change& change : prepared.plan.changes) {
    if (const auto* file = std::get_if<WriteFile>(&change.effect)) {
      TRY(host.create_directories(directory_name(file->path), 0755));
      TRY(host.replace_file(file->path, file->content, 0644));
    } else if (const auto* gone = std::get_if<RemoveFile>(&change.effect)) {
      TRY(host.remove_file(gone->path));
    }
  }
  return {};
}

}  // namespace cleave
