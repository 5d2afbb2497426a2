// Which process has a device open that a driver of VFIO hands out: the links below /proc/PID/fd
// tell.
#include <algorithm>
#include <map>

#include "base/format.h"
#include "base/text.h"
#include "facts/process_times.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

// Where a device's users are kept.
struct Users {
  std::vector<DeviceUser>* list = nullptr;
  bool* complete = nullptr;
};

// Device node → the devices that whoever has it open has: all of a group.
using Nodes = std::map<std::string, std::vector<Users>, std::less<>>;

void add_nodes(const HostReader& host, const std::string& sysfs_path,
               const Fact<std::uint32_t>& group, const Users& users, Nodes& nodes) {
  if (const std::uint32_t* number = group.value()) {
    nodes[format("/dev/vfio/{}", *number)].push_back(users);
  }
  if (group.unreadable() != nullptr) *users.complete = false;
  // With iommufd the device has a node of its own (Documentation/driver-api/vfio.rst).
  const auto names = host.list_directory(join_path(sysfs_path, "vfio-dev"));
  if (!names) return;
  for (const std::string& name : *names) nodes["/dev/vfio/devices/" + name].push_back(users);
}

// vfio-pci, and the drivers of one device's makers that do the same: mlx5_vfio_pci, xe-vfio-pci, …
// On NVIDIA's virtual functions the driver itself does it, and vfio-dev is there.
bool is_for_vms(const HostReader& host, const PciDevice& device) {
  const std::string driver = device.driver.value_or("");
  if (driver.find("vfio") != std::string::npos) return true;
  return device.is_virtual_function && !driver.empty() &&
         host.exists(join_path(device.sysfs_path, "vfio-dev"));
}

bool any_for_vms(const HostReader& host, const Fact<std::vector<PciDevice>>& devices) {
  const auto* all = devices.value();
  return all != nullptr && std::ranges::any_of(*all, [&](const PciDevice& device) {
           return is_for_vms(host, device);
         });
}

Nodes device_nodes(const HostReader& host, std::vector<PciDevice>& pci_devices,
                   std::vector<MediatedDevice>& mediated_devices) {
  Nodes nodes;
  for (MediatedDevice& device : mediated_devices) {
    add_nodes(host, device.sysfs_path, device.iommu_group,
              {.list = &device.users, .complete = &device.users_complete}, nodes);
  }
  for (PciDevice& device : pci_devices) {
    if (!is_for_vms(host, device)) continue;
    add_nodes(host, device.sysfs_path, device.iommu_group,
              {.list = &device.users, .complete = &device.users_complete}, nodes);
  }
  return nodes;
}

std::optional<std::uint64_t> start_of(const HostReader& host, std::uint32_t process_id) {
  const auto machine = parse_boot_time(read_text_fact(host, "/proc/stat").value_or(""));
  const auto process =
      parse_process_start(read_text_fact(host, format("/proc/{}/stat", process_id)).value_or(""));
  if (!machine || !process) return std::nullopt;
  return *machine + *process;
}

DeviceUser describe(const HostReader& host, std::uint32_t process_id) {
  return {.process_id = process_id,
          .command = read_text_fact(host, format("/proc/{}/comm", process_id)).value_or(""),
          .since = start_of(host, process_id)};
}

// False if the process could not be looked into. One that has ended is no such case.
bool look_into(const HostReader& host, std::uint32_t process_id, const Nodes& nodes) {
  const std::string directory = format("/proc/{}/fd", process_id);
  const auto descriptors = host.list_directory(directory);
  if (!descriptors) return descriptors.error().code == ErrorCode::NotFound;
  bool complete = true;
  std::optional<DeviceUser> user;
  for (const std::string& descriptor : *descriptors) {
    const auto target = host.read_link(join_path(directory, descriptor));
    if (!target) {
      complete = complete && target.error().code == ErrorCode::NotFound;
      continue;
    }
    const auto node = nodes.find(*target);
    if (node == nodes.end()) continue;
    if (!user) user = describe(host, process_id);
    for (const Users& users : node->second) {
      if (users.list->empty() || users.list->back() != *user) users.list->push_back(*user);
    }
  }
  return complete;
}

// False if some could not be looked into.
bool look_into_all(const HostReader& host, const Nodes& nodes) {
  const auto names = host.list_directory("/proc");
  if (!names) return false;
  std::vector<std::uint32_t> processes;
  for (const std::string& name : *names) {
    if (const auto process_id = parse_unsigned<std::uint32_t>(name)) {
      processes.push_back(*process_id);
    }
  }
  std::ranges::sort(processes);
  // A captured machine without any process has not been looked into.
  bool complete = !processes.empty();
  for (const std::uint32_t process_id : processes) {
    complete = look_into(host, process_id, nodes) && complete;
  }
  return complete;
}

}  // namespace

void read_device_users(const HostReader& host, Facts& facts) {
  const auto* mediated = facts.mediated_devices.value();
  const bool any_mediated = mediated != nullptr && !mediated->empty();
  if (!any_mediated && !any_for_vms(host, facts.pci_devices)) return;
  std::vector<PciDevice> pci_devices = facts.pci_devices.value_or({});
  std::vector<MediatedDevice> mediated_devices = facts.mediated_devices.value_or({});
  const Nodes nodes = device_nodes(host, pci_devices, mediated_devices);
  if (nodes.empty()) return;
  const bool complete = look_into_all(host, nodes);
  for (const auto& [node, all] : nodes) {
    for (const Users& users : all) *users.complete = *users.complete && complete;
  }
  if (facts.pci_devices.is_known()) {
    facts.pci_devices = {std::move(pci_devices), facts.pci_devices.source()};
  }
  if (facts.mediated_devices.is_known()) {
    facts.mediated_devices = {std::move(mediated_devices), facts.mediated_devices.source()};
  }
}

}  // namespace cleave
