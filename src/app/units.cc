#include "app/units.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr const char* kRunning = "/run/systemd/system";  // sd_booted(3)
constexpr const char* kVgpusUnit = "/etc/systemd/system/cleave-vgpus@.service";
constexpr const char* kMdevctlRule = "/usr/lib/udev/rules.d/60-mdevctl.rules";

// The instance is the parent's name in sysfs: "0000:00:02.0".
std::string vgpus_unit(const std::string& program) {
  return format(
      "# Written by `cleave setup`: makes the vGPUs of `cleave vgpu define --auto`.\n"
      "[Unit]\n"
      "Description=Make the vGPUs that are defined on %i\n"
      "RequiresMountsFor=/var/lib/cleave\n"
      "\n"
      "[Service]\n"
      "Type=oneshot\n"
      "ExecStart={} vgpu start --parent %i\n"
      "TimeoutStartSec=1min\n",
      program);
}

constexpr const char* kSleepUnit = "/etc/systemd/system/cleave-sleep.service";
constexpr const char* kSleepDropIn = "/etc/systemd/system/sleep.target.d/90-cleave.conf";

// systemd-suspend.service and its like require sleep.target and come after it; a unit that it
// requires may thus refuse, which nothing in /usr/lib/systemd/system-sleep can (systemd-sleep
// ignores how those end). The unit is over when sleep.target is, after the wake-up; ExecStopPost=
// runs after a refusal, too. Without the program there is nothing to ask, and the host sleeps.
std::string sleep_unit(const std::string& program) {
  return format(
      "# Written by `cleave setup`: what running VMs need before and after a suspend.\n"
      "[Unit]\n"
      "Description=Ask virtual machines before the host is suspended\n"
      "StopWhenUnneeded=yes\n"
      "ConditionFileIsExecutable={}\n"
      "\n"
      "[Service]\n"
      "Type=oneshot\n"
      "RemainAfterExit=yes\n"
      "ExecStart={} sleep before\n"
      "ExecStopPost={} sleep after\n"
      "TimeoutStartSec=3min\n"
      "TimeoutStopSec=2min\n",
      program.substr(1, program.size() - 2), program, program);  // a condition has no quotes
}

constexpr const char* kSleepRequirement =
    "# Written by `cleave setup`.\n"
    "[Unit]\n"
    "Requires=cleave-sleep.service\n"
    "After=cleave-sleep.service\n";

// systemd has read its units already. Undone in front of everything else, it comes last there.
Change reload_change(bool when_undone) {
  const std::vector<std::string> argv = {"systemctl", "daemon-reload"};
  Change change;
  change.id = when_undone ? "sleep.reload-undone" : "sleep.reload";
  change.summary = {N_("Have systemd read its units again")};
  change.effect = when_undone ? RunCommand{.argv = {}, .undo_argv = argv}
                              : RunCommand{.argv = argv, .undo_argv = {}};
  return change;
}

std::optional<Change> unit_change(const HostReader& host, const char* path, std::string text) {
  const Result<std::string> before = host.read_file(path);
  if (before && *before == text) return std::nullopt;
  return own_file_change("sleep.unit", {N_("Ask VMs before the host is suspended")}, path,
                         std::move(text), before ? content_hash(*before) : kAbsentFile);
}

}  // namespace

bool is_started_by_systemd(const HostReader& host) {
  return !host.is_live() || host.exists(kRunning);
}

// systemd.service(5): "%" begins a specifier, blanks are within quotes.
Result<std::string> unit_program(const std::string& program) {
  const bool plain = std::ranges::none_of(program, [](char letter) {
    return static_cast<unsigned char>(letter) < ' ' || letter == '"' || letter == '\\' ||
           letter == '$';
  });
  if (plain) return "\"" + replace_all(program, "%", "%%") + "\"";
  return error_of(ErrorCode::Unsupported,
                  {N_("A unit cannot start {path}: its name has letters that systemd takes for "
                      "something else."),
                   {{"path", printable(program)}}});
}

Change own_file_change(const char* id, Message summary, std::string path, std::string content,
                       std::string before) {
  WriteFile file;
  file.path = std::move(path);
  file.content = std::move(content);
  file.expected_before = std::move(before);
  Change change;
  change.id = id;
  change.summary = std::move(summary);
  change.effect = std::move(file);
  change.permanent = true;
  return change;
}

Result<std::vector<Change>> vgpus_unit_changes(const HostReader& host, const std::string& program) {
  std::vector<Change> changes;
  if (!is_started_by_systemd(host)) return changes;
  const std::string text = vgpus_unit(TRY(unit_program(program)));
  const Result<std::string> before = host.read_file(kVgpusUnit);
  if (before && *before == text) return changes;
  Change change = own_file_change("vgpus.unit", {N_("Make the vGPUs that are defined")}, kVgpusUnit,
                                  text, before ? content_hash(*before) : kAbsentFile);
  change.reason = {
      N_("A vGPU is gone when the machine is switched off. Those that you define with “cleave vgpu "
         "define --auto” are made again at every start.")};
  changes.push_back(std::move(change));
  return changes;
}

Result<std::vector<Change>> sleep_unit_changes(const HostReader& host, const std::string& program) {
  std::vector<Change> changes;
  if (!is_started_by_systemd(host)) return changes;
  for (auto change : {unit_change(host, kSleepUnit, sleep_unit(TRY(unit_program(program)))),
                      unit_change(host, kSleepDropIn, kSleepRequirement)}) {
    if (change) changes.push_back(*std::move(change));
  }
  if (changes.empty()) return changes;
  changes.front().reason = {
      N_("A suspend can take away what a VM has of a GPU. A VM is paused, shut down or spared the "
         "suspend, as its definition says (on_suspend) or its GPU needs.")};
  changes.insert(changes.begin(), reload_change(true));
  changes.push_back(reload_change(false));
  return changes;
}

bool vms_are_asked(const HostReader& host) {
  return !is_started_by_systemd(host) || (host.exists(kSleepUnit) && host.exists(kSleepDropIn));
}

bool vgpus_come_back(const HostReader& host) {
  const bool own = is_started_by_systemd(host) && host.exists(kVgpusUnit);
  return own || host.exists(kMdevctlRule);
}

}  // namespace cleave
