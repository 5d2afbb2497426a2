// Which process has a mediated device open: the links below /proc/PID/fd tell.
#include <algorithm>
#include <map>

#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

// Device node → the device that it opens.
using Nodes = std::map<std::string, MediatedDevice*, std::less<>>;

Nodes device_nodes(const HostReader& host, std::vector<MediatedDevice>& devices) {
  Nodes nodes;
  for (MediatedDevice& device : devices) {
    if (const std::uint32_t* group = device.iommu_group.value()) {
      nodes[format("/dev/vfio/{}", *group)] = &device;
    }
    // With iommufd the device has a node of its own (Documentation/driver-api/vfio.rst).
    const auto names = host.list_directory(join_path(device.sysfs_path, "vfio-dev"));
    if (!names) continue;
    for (const std::string& name : *names) nodes["/dev/vfio/devices/" + name] = &device;
  }
  return nodes;
}

void add_user(const HostReader& host, std::uint32_t process_id, MediatedDevice& device) {
  if (!device.users.empty() && device.users.back().process_id == process_id) return;
  const auto command = read_text_fact(host, format("/proc/{}/comm", process_id));
  device.users.push_back({.process_id = process_id, .command = command.value_or("")});
}

// False if the process could not be looked into. One that has ended is no such case.
bool look_into(const HostReader& host, std::uint32_t process_id, const Nodes& nodes) {
  const std::string directory = format("/proc/{}/fd", process_id);
  const auto descriptors = host.list_directory(directory);
  if (!descriptors) return descriptors.error().code == ErrorCode::NotFound;
  bool complete = true;
  for (const std::string& descriptor : *descriptors) {
    const auto target = host.read_link(join_path(directory, descriptor));
    if (!target) {
      complete = complete && target.error().code == ErrorCode::NotFound;
      continue;
    }
    const auto node = nodes.find(*target);
    if (node != nodes.end()) add_user(host, process_id, *node->second);
  }
  return complete;
}

}  // namespace

void read_device_users(const HostReader& host, std::vector<MediatedDevice>& devices) {
  const Nodes nodes = device_nodes(host, devices);
  if (nodes.empty()) return;
  // A captured machine without any process has not been looked into.
  bool complete = false;
  if (const auto names = host.list_directory("/proc")) {
    std::vector<std::uint32_t> processes;
    for (const std::string& name : *names) {
      if (const auto process_id = parse_unsigned<std::uint32_t>(name)) {
        processes.push_back(*process_id);
      }
    }
    std::ranges::sort(processes);
    complete = !processes.empty();
    for (const std::uint32_t process_id : processes) {
      complete = look_into(host, process_id, nodes) && complete;
    }
  }
  for (MediatedDevice& device : devices) device.users_complete = complete;
}

}  // namespace cleave
