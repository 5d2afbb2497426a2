// Mediated devices and their parents. ABI: Documentation/ABI/testing/sysfs-bus-vfio-mdev.
#include <algorithm>

#include "facts/readers/readers.h"

namespace cleave {
namespace {

const std::string kParents = "/sys/class/mdev_bus";
const std::string kDevices = "/sys/bus/mdev/devices";

MdevType read_type(const HostReader& host, const std::string& path) {
  MdevType type;
  type.id = base_name(path);
  type.sysfs_path = path;
  type.name = read_text_fact(host, join_path(path, "name"));
  type.description = read_text_fact(host, join_path(path, "description"));
  type.device_api = read_text_fact(host, join_path(path, "device_api"));
  type.available_instances = read_number_fact(host, join_path(path, "available_instances"));
  return type;
}

Result<MdevParent> read_parent(const HostReader& host, const std::string& name) {
  MdevParent parent;
  parent.name = name;
  parent.sysfs_path = TRY(host.real_path(join_path(kParents, name)));
  parent.pci = parse_pci_address(name);
  parent.driver = read_link_name_fact(host, join_path(parent.sysfs_path, "driver"));
  const std::string types = join_path(parent.sysfs_path, "mdev_supported_types");
  const auto ids = host.list_directory(types);
  if (!ids) {
    parent.type_list = fact_from_error<bool>(ids.error(), types);
    return parent;
  }
  parent.type_list = Fact<bool>(true, types);
  for (const std::string& id : *ids) parent.types.push_back(read_type(host, join_path(types, id)));
  return parent;
}

Result<MediatedDevice> read_mediated_device(const HostReader& host, const std::string& uuid) {
  MediatedDevice device;
  device.uuid = uuid;
  device.sysfs_path = join_path(kDevices, uuid);
  const std::string real = TRY(host.real_path(device.sysfs_path));
  device.parent = base_name(directory_name(real));
  device.type_id = base_name(TRY(host.read_link(join_path(real, "mdev_type"))));
  device.iommu_group = read_link_number_fact(host, join_path(real, "iommu_group"));
  return device;
}

// All things of one kind, by name. What goes away between listing and reading is left out; what
// cannot be read makes the whole list unreadable, because nobody can say what it was.
template <typename Thing>
Fact<std::vector<Thing>> read_all(const HostReader& host, const std::string& directory,
                                  const Fact<std::vector<std::string>>& names,
                                  Result<Thing> (*read_one)(const HostReader&,
                                                            const std::string&)) {
  if (names.unreadable() != nullptr) return *names.unreadable();
  if (names.is_absent()) return {Absent{}, directory};
  std::vector<Thing> things;
  for (const std::string& name : *names.value()) {
    auto thing = read_one(host, name);
    if (thing) {
      things.push_back(std::move(*thing));
    } else if (thing.error().code != ErrorCode::NotFound) {
      return fact_from_error<std::vector<Thing>>(thing.error(), thing.error().path);
    }
  }
  return {std::move(things), directory};
}

}  // namespace

Fact<std::vector<MdevParent>> read_mdev_parents(const HostReader& host,
                                                const std::optional<std::string>& only) {
  auto names = read_names_fact(host, kParents, "/sys/class");
  const std::vector<std::string> all = names.value_or({});
  if (only && std::ranges::find(all, *only) != all.end()) names = {{*only}, kParents};
  return read_all<MdevParent>(host, kParents, names, read_parent);
}

Fact<std::vector<MediatedDevice>> read_mediated_devices(const HostReader& host) {
  const auto names = read_names_fact(host, kDevices, "/sys/bus");
  return read_all<MediatedDevice>(host, kDevices, names, read_mediated_device);
}

}  // namespace cleave
