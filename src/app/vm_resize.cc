// Disks that become larger.
#include <algorithm>

#include "app/qemu_img.h"
#include "app/vm.h"
#include "app/vm_control.h"
#include "app/vm_disks.h"
#include "base/format.h"
#include "base/text.h"
#include "vm/check.h"

namespace cleave {
namespace {

constexpr std::uint64_t kSector = 512;  // of which every format has a whole number

Result<NumberedDisk> choose_disk(const Vm& vm, const std::string& disk) {
  const std::vector<NumberedDisk> disks = written_disks(vm);
  std::vector<std::string> ids;
  for (const NumberedDisk& each : disks) ids.push_back(each.id());
  if (disks.empty()) {
    return error_of(ErrorCode::NotFound,
                    {N_("The VM {name} has no disk that it writes to"), {{"name", vm.name}}});
  }
  if (disk.empty() && disks.size() == 1) return disks.front();
  if (disk.empty()) {
    return error_of(ErrorCode::Malformed, {N_("The VM {name} has more than one disk: say which of "
                                              "{disks}"),
                                           {{"name", vm.name}, {"disks", join(ids, ", ")}}});
  }
  const std::string id = disk.starts_with("disk") ? disk : "disk" + disk;
  for (const NumberedDisk& each : disks) {
    if (each.id() == id) return each;
  }
  return error_of(ErrorCode::NotFound,
                  {N_("The VM {name} has no disk {disk} that it writes to; it has {disks}"),
                   {{"name", vm.name}, {"disk", printable(disk)}, {"disks", join(ids, ", ")}}});
}

Result<void> check_growth(const ResizeReport& report) {
  if (report.after >= report.before) return {};
  return error_of(ErrorCode::Unsupported,
                  {N_("{disk} has {before}, and would lose what lies behind {after}: a disk is not "
                      "made smaller"),
                   {{"disk", report.disk},
                    {"before", size_text(report.before)},
                    {"after", size_text(report.after)}}},
                  {N_("Make a smaller file system in the guest, and copy it to a new image.")});
}

Result<std::uint64_t> running_size(QmpClient& monitor, const std::string& drive) {
  const Json blocks = TRY(monitor.execute("query-block"));
  if (const auto* all = blocks.as_array()) {
    for (const Json& block : *all) {
      const Json* inserted = block.find("inserted");
      const Json* image = inserted == nullptr ? nullptr : inserted->find("image");
      if (block.text_of("device") == drive && image != nullptr) {
        return TRY(image_info_from_json(*image)).virtual_size;
      }
    }
  }
  return error_of(ErrorCode::NotFound,
                  {N_("The VM was started without {disk}"), {{"disk", drive}}});
}

Result<ResizeReport> resize_running(QmpClient& monitor, const NumberedDisk& disk,
                                    ResizeReport report) {
  const std::string drive = format("drive{}", disk.number);
  report.running = true;
  report.before = TRY(running_size(monitor, drive));
  TRY(check_growth(report));
  if (report.before == report.after) return report;
  TRY(monitor.execute("block_resize", Json::object({{"device", drive}, {"size", report.after}}),
                      std::chrono::minutes(2)));
  return report;
}

Result<ResizeReport> resize_stopped(const VmEnvironment& environment, const NumberedDisk& disk,
                                    ResizeReport report) {
  const Vm::Disk& image = disk.disk;
  report.before = TRY(image_info(environment, image.file, image.format)).virtual_size;
  TRY(check_growth(report));
  if (report.before == report.after) return report;
  TRY(run_qemu_img(environment, {.arguments = {"resize", "-q", "-f", image.format, image.file,
                                               std::to_string(report.after)},
                                 .interruptible = false}));
  return report;
}

}  // namespace

std::string NumberedDisk::id() const { return format("disk{}", number); }

std::vector<NumberedDisk> written_disks(const Vm& vm) {
  std::vector<NumberedDisk> disks;
  for (std::size_t i = 0; i < vm.disks.size(); ++i) {
    if (!vm.disks[i].read_only && !vm.disks[i].file.empty()) {
      disks.push_back({.number = i, .disk = vm.disks[i]});
    }
  }
  return disks;
}

Result<ResizeReport> resize_disk(const HostReader& host, const VmEnvironment& environment,
                                 const std::string& name, const std::string& size,
                                 const std::string& disk) {
  const auto bytes = size_in_bytes(size);
  if (!bytes || *bytes == 0 || *bytes % kSector != 0 || *bytes > std::uint64_t{1} << 60U) {
    return error_of(
        ErrorCode::Malformed,
        {N_("“{size}” is no size of a disk: a whole number with M, G or T, such as 64G"),
         {{"size", printable(size)}}});
  }
  const Vm vm = TRY(load_good_vm(host, environment, name));
  const NumberedDisk chosen = TRY(choose_disk(vm, disk));
  if (chosen.disk.file.starts_with("/dev/")) {
    return error_of(ErrorCode::Unsupported,
                    {N_("{file} is a device of the host: its size is not for cleave to change"),
                     {{"file", chosen.disk.file}}});
  }
  ResizeReport report{.disk = chosen.id(), .file = chosen.disk.file, .before = 0, .after = *bytes};
  if (is_alive(TRY(vm_status(environment, vm.name, false)).seen)) {
    QmpClient monitor = TRY(connect_monitor(host, environment, vm.name));
    return resize_running(monitor, chosen, std::move(report));
  }
  const OwnedFd stopped = TRY(keep_stopped(environment, vm.name));
  return resize_stopped(environment, chosen, std::move(report));
}

}  // namespace cleave
