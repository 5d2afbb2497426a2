// Snapshots inside of qcow2 images: of disks alone with qemu-img, of a running VM by QEMU.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "app/qemu_img.h"
#include "app/vm.h"
#include "app/vm_control.h"
#include "app/vm_disks.h"
#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// The guest's memory is written meanwhile, and QEMU answers nothing: 64 GB to a slow disk.
constexpr auto kJobLimit = std::chrono::minutes(30);
constexpr auto kLookAgain = std::chrono::milliseconds(100);
constexpr const char* kJob = "cleave-snapshot";
// What a restore goes back to if a later disk fails. No person's snapshot has this name: see
// check_name().
constexpr const char* kBefore = ".cleave-before-restore";

struct SnapshotDisk {
  std::string id;    // "disk0"
  std::string file;  // for qemu-img
  std::string format;
  std::string node;  // of the running QEMU
  std::vector<ImageSnapshot> snapshots;

  [[nodiscard]] const ImageSnapshot* find(const std::string& name) const {
    const auto found = std::ranges::find(snapshots, name, &ImageSnapshot::name);
    return found == snapshots.end() ? nullptr : &*found;
  }
};

// qemu-img takes a number for the id of a snapshot before it takes it for a name
// (block/snapshot.c, bdrv_snapshot_find).
Result<void> check_name(const std::string& snapshot) {
  const bool is_number = std::ranges::all_of(snapshot, [](char c) { return c >= '0' && c <= '9'; });
  if (is_vm_name(snapshot) && !is_number) return {};
  return error_of(
      ErrorCode::Malformed,
      {N_("“{name}” cannot be the name of a snapshot"), {{"name", printable(snapshot)}}},
      {N_("A name has letters, digits, dots, hyphens and underscores, at most 63, and is "
          "not a number alone.")});
}

Error no_snapshot(const Vm& vm, const std::string& snapshot) {
  return error_of(
      ErrorCode::NotFound,
      {N_("The VM {name} has no snapshot {snapshot}"), {{"name", vm.name}, {"snapshot", snapshot}}},
      {N_("`cleave vm snapshot list {name}` shows those there are."), {{"name", vm.name}}});
}

// All disks that are written to must be able to: half a snapshot brings a guest into confusion.
Result<void> check_formats(const Vm& vm) {
  const std::vector<NumberedDisk> disks = written_disks(vm);
  if (disks.empty()) {
    return error_of(ErrorCode::Unsupported,
                    {N_("The VM {name} has no disk that it writes to"), {{"name", vm.name}}});
  }
  for (const NumberedDisk& each : disks) {
    if (each.disk.format == "qcow2") continue;
    return error_of(
        ErrorCode::Unsupported,
        {N_("{disk} ({file}) is {format}: only qcow2 images have snapshots, and all disks must"),
         {{"disk", each.id()}, {"file", each.disk.file}, {"format", each.disk.format}}},
        {N_("Make a qcow2 image of it, and name that in the definition: qemu-img convert -f "
            "{format} "
            "-O qcow2 {file} NEW.qcow2"),
         {{"format", each.disk.format}, {"file", each.disk.file}}});
  }
  return {};
}

Result<void> check_running(const VmEnvironment& environment, const Vm& vm) {
  const VmState state = TRY(vm_status(environment, vm.name, false)).seen.state;
  if (state.devices.empty() && !state.vgpu) return {};
  return error_of(
      ErrorCode::Unsupported,
      {N_("The VM {name} runs with a device of the host, whose state cannot be kept"),
       {{"name", vm.name}}},
      {N_("Shut it down (cleave vm stop {name}): a snapshot of its disks alone can be made then."),
       {{"name", vm.name}}});
}

Result<std::vector<SnapshotDisk>> stopped_disks(const VmEnvironment& environment, const Vm& vm,
                                                bool shared) {
  std::vector<SnapshotDisk> disks;
  for (const NumberedDisk& each : written_disks(vm)) {
    if (each.disk.format != "qcow2") continue;
    ImageInfo info = TRY(image_info(environment, each.disk.file, each.disk.format, shared));
    disks.push_back({.id = each.id(),
                     .file = each.disk.file,
                     .format = each.disk.format,
                     .node = {},
                     .snapshots = std::move(info.snapshots)});
  }
  return disks;
}

// As QEMU has them now, whatever the definition says meanwhile. The store of the firmware's
// variables is none of them: it is part of the memory that is kept (hw/block/pflash_cfi01.c writes
// it back when that is loaded).
Result<std::vector<SnapshotDisk>> running_disks(QmpClient& monitor) {
  const Json blocks = TRY(monitor.execute("query-block"));
  std::vector<SnapshotDisk> disks;
  if (blocks.as_array() == nullptr) return disks;
  for (const Json& block : *blocks.as_array()) {
    const std::string_view drive = block.text_of("device");
    const Json* inserted = block.find("inserted");
    if (!drive.starts_with("drive") || inserted == nullptr) continue;
    const Json* read_only = inserted->find("ro");
    if (read_only != nullptr && read_only->as_bool() != nullptr && *read_only->as_bool()) continue;
    SnapshotDisk disk;
    disk.id = "disk" + printable(drive.substr(5));
    disk.format = printable(inserted->text_of("drv"));
    disk.node = inserted->text_of("node-name");
    if (const Json* image = inserted->find("image")) {
      disk.snapshots = TRY(image_info_from_json(*image)).snapshots;
    }
    disks.push_back(std::move(disk));
  }
  return disks;
}

// --- Of the disks alone ---------------------------------------------------------------------

Result<void> on_image(const VmEnvironment& environment, const SnapshotDisk& disk,
                      const char* option, const std::string& snapshot) {
  const std::string options = image_options(disk.file, disk.format);
  const Result<std::string> done = run_qemu_img(
      environment, {.arguments = {"snapshot", option, snapshot, "--image-opts", options},
                    .limit = std::chrono::minutes(30),
                    .interruptible = false});
  if (done) return {};
  return done.error();
}

// On all disks; what was done is taken back with `undo` if one fails.
Result<void> on_all(const VmEnvironment& environment, const std::vector<SnapshotDisk>& disks,
                    const char* option, const std::string& snapshot,
                    const std::function<Result<void>(const SnapshotDisk&)>& undo) {
  for (std::size_t i = 0; i < disks.size(); ++i) {
    Result<void> done = on_image(environment, disks[i], option, snapshot);
    if (done) continue;
    Error error = std::move(done).error();
    for (std::size_t j = 0; j < i; ++j) {
      const Result<void> undone = undo(disks[j]);
      if (!undone) error.context.push_back(undone.error().message);
    }
    error.context.push_back(
        {N_("{disk} failed; the other disks are as they were before"), {{"disk", disks[i].id}}});
    return error;
  }
  return {};
}

Result<void> create_on_images(const VmEnvironment& environment,
                              const std::vector<SnapshotDisk>& disks, const std::string& snapshot) {
  return on_all(environment, disks, "-c", snapshot, [&](const SnapshotDisk& disk) {
    return on_image(environment, disk, "-d", snapshot);
  });
}

Result<void> restore_on_images(const VmEnvironment& environment,
                               const std::vector<SnapshotDisk>& disks,
                               const std::string& snapshot) {
  for (const SnapshotDisk& disk : disks) {
    if (disk.find(kBefore) != nullptr) TRY(on_image(environment, disk, "-d", kBefore));
  }
  TRY(create_on_images(environment, disks, kBefore));
  Result<void> restored = on_all(environment, disks, "-a", snapshot, [&](const SnapshotDisk& disk) {
    return on_image(environment, disk, "-a", kBefore);
  });
  for (const SnapshotDisk& disk : disks) (void)on_image(environment, disk, "-d", kBefore);
  return restored;
}

// --- With the guest's memory ------------------------------------------------------------------

std::optional<Json> find_job(const Json& jobs) {
  if (jobs.as_array() == nullptr) return std::nullopt;
  for (const Json& job : *jobs.as_array()) {
    if (job.text_of("id") == kJob) return job;
  }
  return std::nullopt;
}

Error job_failure(std::string_view why) {
  Error error = error_of(ErrorCode::Unsupported,
                         {N_("QEMU could not do it: {text}"), {{"text", printable(why)}}});
  // "State blocked by non-migratable device …" (migration/savevm.c) of vhost-user-fs, "Migration is
  // disabled when VirtFS export path … is mounted" (hw/9pfs/9p.c).
  if (why.find("non-migratable") != std::string_view::npos ||
      why.find("Migration is disabled") != std::string_view::npos) {
    error.remedy = {
        N_("What shares of virtiofs have going on, and those of 9p while they are "
           "mounted, cannot be kept. Shut the VM down: a snapshot of "
           "its disks alone can be made then.")};
  }
  return error;
}

Result<void> run_job(QmpClient& monitor, const char* command, const Json& arguments) {
  // Of a cleave that was killed while it waited.
  (void)monitor.execute("job-dismiss", Json::object({{"id", kJob}}));
  TRY(monitor.execute(command, arguments, kJobLimit));
  const auto end = std::chrono::steady_clock::now() + kJobLimit;
  while (std::chrono::steady_clock::now() < end) {
    const auto job = find_job(TRY(monitor.execute("query-jobs", Json::object(), kJobLimit)));
    if (job && job->text_of("status") == "concluded") {
      (void)monitor.execute("job-dismiss", Json::object({{"id", kJob}}));
      const std::string_view why = job->text_of("error");
      if (why.empty()) return {};
      return job_failure(why);
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return system_error(ETIMEDOUT, {N_("QEMU's monitor did not answer")});
}

Json job_arguments(const std::vector<SnapshotDisk>& disks, const std::string& snapshot,
                   bool with_memory) {
  Json nodes = Json::array();
  for (const SnapshotDisk& disk : disks) nodes.push_back(disk.node);
  Json arguments = Json::object({{"job-id", kJob}, {"tag", snapshot}});
  if (with_memory) arguments.set("vmstate", disks.front().node);
  arguments.set("devices", std::move(nodes));
  return arguments;
}

// --- Both -------------------------------------------------------------------------------------

// What a command works on: the VM as it is now, which it stays as long as this is kept.
struct Scene {
  Vm vm;
  std::optional<QmpClient> monitor;  // while it runs
  std::optional<OwnedFd> stopped;    // while it does not
  std::vector<SnapshotDisk> disks;

  [[nodiscard]] bool all_have(const std::string& snapshot) const {
    return std::ranges::all_of(disks, [&](const auto& d) { return d.find(snapshot) != nullptr; });
  }
  [[nodiscard]] bool any_has(const std::string& snapshot) const {
    return std::ranges::any_of(disks, [&](const auto& d) { return d.find(snapshot) != nullptr; });
  }
};

Result<Scene> open_scene(const HostReader& host, const VmEnvironment& environment,
                         const std::string& name, const std::string& snapshot) {
  TRY(check_name(snapshot));
  Scene scene{.vm = TRY(load_good_vm(host, environment, name)),
              .monitor = std::nullopt,
              .stopped = std::nullopt,
              .disks = {}};
  TRY(check_formats(scene.vm));
  const VmReport report = TRY(vm_status(environment, scene.vm.name, false));
  if (is_alive(report.seen)) {
    scene.monitor = TRY(connect_monitor(host, environment, scene.vm.name));
    scene.disks = TRY(running_disks(*scene.monitor));
    if (scene.disks.empty()) return no_snapshot(scene.vm, snapshot);
    return scene;
  }
  scene.stopped = TRY(keep_stopped(environment, scene.vm.name));
  scene.disks = TRY(stopped_disks(environment, scene.vm, false));
  return scene;
}

SnapshotReport report_of(const Scene& scene) {
  return {.running = scene.monitor.has_value(), .disks = scene.disks.size()};
}

}  // namespace

Result<std::vector<VmSnapshot>> list_snapshots(const HostReader& host,
                                               const VmEnvironment& environment,
                                               const std::string& name) {
  const Vm vm = TRY(load_good_vm(host, environment, name));
  const std::vector<SnapshotDisk> disks = TRY(stopped_disks(environment, vm, true));
  std::vector<VmSnapshot> snapshots;
  for (const SnapshotDisk& disk : disks) {
    for (const ImageSnapshot& each : disk.snapshots) {
      auto known = std::ranges::find(snapshots, each.name, &VmSnapshot::name);
      if (known == snapshots.end()) {
        snapshots.push_back({.name = each.name, .made_at = each.made_at});
        known = snapshots.end() - 1;
      }
      known->with_memory = known->with_memory || each.vm_state_size > 0;
      known->disks.push_back(disk.id);
    }
  }
  for (VmSnapshot& each : snapshots) each.complete = each.disks.size() == disks.size();
  std::ranges::stable_sort(snapshots, {}, &VmSnapshot::made_at);
  return snapshots;
}

Result<SnapshotReport> create_snapshot(const HostReader& host, const VmEnvironment& environment,
                                       const std::string& name, const std::string& snapshot) {
  Scene scene = TRY(open_scene(host, environment, name, snapshot));
  if (scene.any_has(snapshot)) {
    return error_of(ErrorCode::Conflict,
                    {N_("The VM {name} has a snapshot {snapshot} already"),
                     {{"name", scene.vm.name}, {"snapshot", snapshot}}},
                    {N_("Choose another name, or delete that one: cleave vm snapshot delete {name} "
                        "{snapshot}"),
                     {{"name", scene.vm.name}, {"snapshot", snapshot}}});
  }
  if (!scene.monitor) {
    TRY(create_on_images(environment, scene.disks, snapshot));
    return report_of(scene);
  }
  TRY(check_running(environment, scene.vm));
  TRY(run_job(*scene.monitor, "snapshot-save", job_arguments(scene.disks, snapshot, true)));
  return report_of(scene);
}

Result<SnapshotReport> restore_snapshot(const HostReader& host, const VmEnvironment& environment,
                                        const std::string& name, const std::string& snapshot) {
  Scene scene = TRY(open_scene(host, environment, name, snapshot));
  if (!scene.all_have(snapshot)) {
    if (!scene.any_has(snapshot)) return no_snapshot(scene.vm, snapshot);
    return error_of(
        ErrorCode::Conflict,
        {N_("Not all disks of {name} have the snapshot {snapshot}"),
         {{"name", scene.vm.name}, {"snapshot", snapshot}}},
        {N_("`cleave vm snapshot list {name}` tells which have it."), {{"name", scene.vm.name}}});
  }
  if (!scene.monitor) {
    TRY(restore_on_images(environment, scene.disks, snapshot));
    return report_of(scene);
  }
  TRY(check_running(environment, scene.vm));
  if (scene.disks.front().find(snapshot)->vm_state_size == 0) {
    return error_of(ErrorCode::Conflict,
                    {N_("The snapshot {snapshot} has the disks alone, which cannot change under a "
                        "guest that runs"),
                     {{"snapshot", snapshot}}},
                    {N_("Shut it down first: cleave vm stop {name}"), {{"name", scene.vm.name}}});
  }
  TRY(run_job(*scene.monitor, "snapshot-load", job_arguments(scene.disks, snapshot, true)));
  return report_of(scene);
}

Result<SnapshotReport> delete_snapshot(const HostReader& host, const VmEnvironment& environment,
                                       const std::string& name, const std::string& snapshot) {
  Scene scene = TRY(open_scene(host, environment, name, snapshot));
  SnapshotReport report = report_of(scene);
  std::erase_if(scene.disks, [&](const auto& disk) { return disk.find(snapshot) == nullptr; });
  report.disks = scene.disks.size();
  if (scene.disks.empty()) return no_snapshot(scene.vm, snapshot);
  if (scene.monitor) {
    TRY(run_job(*scene.monitor, "snapshot-delete", job_arguments(scene.disks, snapshot, false)));
    return report;
  }
  // What cannot be deleted stays listed, and can be tried again.
  for (const SnapshotDisk& disk : scene.disks) TRY(on_image(environment, disk, "-d", snapshot));
  return report;
}

}  // namespace cleave
