#include "app/vm_media.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "app/vm.h"
#include "app/vm_control.h"
#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// The guest is asked to let go of the tray; a desktop takes some seconds to close what it had open.
constexpr auto kTrayPatience = std::chrono::seconds(10);
constexpr auto kLookAgain = std::chrono::milliseconds(250);

struct Drive {
  std::string id;    // "disk1"
  std::string file;  // empty: no disc
};

std::string file_in(const Json& block) {
  const Json* inserted = block.find("inserted");
  return inserted == nullptr ? "" : printable(inserted->text_of("file"));
}

// Those whose disc can be changed. `qdev` is the id of the device, or its place in QEMU's tree.
Result<std::vector<Drive>> removable_drives(QmpClient& monitor) {
  const Json blocks = TRY(monitor.execute("query-block"));
  std::vector<Drive> drives;
  if (blocks.as_array() == nullptr) return drives;
  for (const Json& block : *blocks.as_array()) {
    const Json* removable = block.find("removable");
    const bool can =
        removable != nullptr && removable->as_bool() != nullptr && *removable->as_bool();
    const std::string_view id = block.text_of("qdev");
    if (can && !id.empty()) drives.push_back({.id = printable(id), .file = file_in(block)});
  }
  return drives;
}

Result<Drive> choose_drive(QmpClient& monitor, const std::string& name, const std::string& disk) {
  const std::vector<Drive> drives = TRY(removable_drives(monitor));
  if (drives.empty()) {
    return error_of(
        ErrorCode::Unsupported,
        {N_("The VM {name} has no drive whose disc can be changed"), {{"name", name}}},
        {N_("Give it one and start it anew: a [[disk]] with interface = \"cdrom\" and no file.")});
  }
  std::vector<std::string> ids;
  for (const Drive& drive : drives) ids.push_back(drive.id);
  if (disk.empty() && drives.size() == 1) return drives.front();
  if (disk.empty()) {
    return error_of(ErrorCode::Malformed,
                    {N_("The VM {name} has more than one drive: say which of {disks}"),
                     {{"name", name}, {"disks", join(ids, ", ")}}});
  }
  const std::string id = disk.starts_with("disk") ? disk : "disk" + disk;
  for (const Drive& drive : drives) {
    if (drive.id == id) return drive;
  }
  return error_of(
      ErrorCode::NotFound,
      {N_("The VM {name} has no drive {disk} whose disc can be changed; it has {disks}"),
       {{"name", name}, {"disk", printable(disk)}, {"disks", join(ids, ", ")}}});
}

// Again while the guest holds the tray: QEMU has asked it to let go.
Result<void> change(QmpClient& monitor, const char* command, const Json& arguments, bool force) {
  const auto end = std::chrono::steady_clock::now() + kTrayPatience;
  while (true) {
    Result<Json> done = monitor.execute(command, arguments);
    if (done) return {};
    const bool is_held = english(done.error().message).find("is locked") != std::string::npos ||
                         english(done.error().message).find("is not open") != std::string::npos;
    if (force || !is_held) return std::move(done).error();
    if (std::chrono::steady_clock::now() >= end) {
      Error error = std::move(done).error();
      error.code = ErrorCode::Busy;
      error.context.emplace_back(N_("The guest does not let go of the disc"));
      error.remedy = {N_("Unmount it in the guest, or take it out against its will: --force")};
      return error;
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

Result<std::string> absolute_path(const std::string& path) {
  if (path.starts_with('/')) return normal_path(path);
  std::array<char, 4096> here{};  // PATH_MAX
  if (::getcwd(here.data(), here.size()) == nullptr) {
    return system_error(errno, {N_("Could not tell the working directory")});
  }
  return normal_path(join_path(here.data(), path));
}

// QEMU opens the path itself, as the VM's user: whether it may is said here in better words.
Result<void> check_file(const HostReader& host, const VmEnvironment& environment,
                        const std::string& file) {
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  const Result<std::string> real = host.real_path(file);
  if (!real && real.error().code == ErrorCode::NotFound) {
    return error_of(ErrorCode::NotFound, {N_("{file} is not there"), {{"file", file}}});
  }
  const Result<bool> may = real ? host.may_access(*real, Access::Read) : Result<bool>(false);
  if (!may || !*may) {
    return error_of(ErrorCode::Conflict,
                    {N_("The user {user}, as whom QEMU runs, may not read {file}"),
                     {{"user", environment.owner.name}, {"file", file}}},
                    {N_("Give that user the right to read it, and to enter its directory.")});
  }
  if (TRY(host.status(*real)).kind == FileKind::Directory) {
    return error_of(ErrorCode::Malformed,
                    {N_("{file} is a directory and no disc"), {{"file", file}}});
  }
  return {};
}

}  // namespace

Result<MediumReport> eject_medium(const HostReader& host, const VmEnvironment& environment,
                                  const MediumRequest& request) {
  QmpClient monitor = TRY(connect_monitor(host, environment, request.name));
  const Drive drive = TRY(choose_drive(monitor, vm_name_of(request.name), request.disk));
  MediumReport report{.disk = drive.id, .before = drive.file, .after = {}};
  if (drive.file.empty()) return report;
  TRY(change(monitor, "eject", Json::object({{"id", drive.id}, {"force", request.force}}),
             request.force));
  report.changed = true;
  return report;
}

Result<MediumReport> insert_medium(const HostReader& host, const VmEnvironment& environment,
                                   const MediumRequest& request) {
  const std::string file = TRY(absolute_path(request.file));
  QmpClient monitor = TRY(connect_monitor(host, environment, request.name));
  const Drive drive = TRY(choose_drive(monitor, vm_name_of(request.name), request.disk));
  MediumReport report{.disk = drive.id, .before = drive.file, .after = file};
  if (drive.file == file) return report;
  TRY(check_file(host, environment, file));
  // A path that begins with "/" is no protocol to QEMU, and a disc is raw: nothing is guessed.
  TRY(change(monitor, "blockdev-change-medium",
             Json::object({{"id", drive.id},
                           {"filename", file},
                           {"format", "raw"},
                           {"force", request.force},
                           {"read-only-mode", "read-only"}}),
             request.force));
  report.changed = true;
  return report;
}

}  // namespace cleave
