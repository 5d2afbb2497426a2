#include "app/units.h"

#include <algorithm>
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

bool vgpus_come_back(const HostReader& host) {
  const bool own = is_started_by_systemd(host) && host.exists(kVgpusUnit);
  return own || host.exists(kMdevctlRule);
}

}  // namespace cleave
