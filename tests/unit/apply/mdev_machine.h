// A machine in memory whose driver makes and removes mediated devices as the kernel does
// (drivers/vfio/mdev/mdev_core.c, mdev_sysfs.c).
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include "base/format.h"
#include "host/memory_host.h"
#include "plan/plan.h"

namespace cleave::testing {

inline constexpr const char* kUuid = "0b3a5c1e-6a3f-4a45-9a7d-1e9f5a2b6c01";
inline constexpr const char* kOtherUuid = "0b3a5c1e-6a3f-4a45-9a7d-1e9f5a2b6c02";

// A parent of one type; all devices of a MdevMachine share its instances.
struct MdevMachine {
  std::string parent_path;  // /sys/devices/…/0000:00:02.0
  std::string type_id;      // "i915-GVTg_V5_4"
  int instances = 2;
  std::string description = {};  // empty: the driver has none

  [[nodiscard]] std::string type_path() const {
    return parent_path + "/mdev_supported_types/" + type_id;
  }

  void add_to(MemoryHost& host) const {
    host.add_directory("/sys/bus/mdev/devices");
    host.add_directory("/dev/vfio");
    host.add_file("/proc/sys/kernel/random/boot_id", "11111111-0000-0000-0000-000000000000\n");
    const std::string type = type_path();
    host.add_file(type + "/available_instances", format("{}\n", instances));
    host.add_file(type + "/device_api", "vfio-pci\n");
    host.add_file(type + "/name", type_id + "\n");
    if (!description.empty()) host.add_file(type + "/description", description);
    host.add_file(type + "/create", "", 0200);
    host.on_write(type + "/create", [machine = *this](MemoryHost& written, std::string_view value) {
      return machine.create(written, value);
    });
  }

  [[nodiscard]] int create(MemoryHost& host, std::string_view uuid) const {
    const std::string type = type_path();
    const std::string device = format("{}/{}", parent_path, uuid);
    const std::string link = format("/sys/bus/mdev/devices/{}", uuid);
    if (uuid.size() != 36) return EINVAL;
    if (host.exists(link)) return EEXIST;
    const int available = std::stoi(*host.read_file(type + "/available_instances"));
    if (available == 0) return ENOSPC;
    host.add_file(type + "/available_instances", format("{}\n", available - 1));
    const auto group = host.list_directory("/dev/vfio")->size();
    host.add_directory(device);
    host.add_link(device + "/mdev_type", "../mdev_supported_types/" + type_id);
    host.add_link(device + "/iommu_group", format("../../../../kernel/iommu_groups/{}", group));
    host.add_file(device + "/remove", "", 0200);
    host.add_link(link, device);
    const std::string node = format("/dev/vfio/{}", group);
    host.add_device(node, 0600, 511, static_cast<std::uint32_t>(group));
    host.on_write(device + "/remove", [=, type = type](MemoryHost& written, std::string_view) {
      written.forget(link);
      written.forget(device);
      written.forget(node);
      const int left = std::stoi(*written.read_file(type + "/available_instances"));
      written.add_file(type + "/available_instances", format("{}\n", left + 1));
      return 0;
    });
    return 0;
  }

  [[nodiscard]] Change create_change(std::string_view uuid) const {
    const std::string link = format("/sys/bus/mdev/devices/{}", uuid);
    Change change;
    change.id = "vgpu.create";
    change.summary = Message("Create it");
    change.effect = WriteAttribute{.path = type_path() + "/create",
                                   .value = std::string(uuid),
                                   .undo_path = link + "/remove",
                                   .undo_value = "1",
                                   .done_path = link,
                                   .undo_guard_path = link + "/mdev_type",
                                   .undo_guard = type_id};
    return change;
  }
};

}  // namespace cleave::testing
