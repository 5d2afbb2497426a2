#include "app/devices.h"

#include <algorithm>

#include "app/vgpu.h"
#include "app/vm_reservations.h"
#include "base/order.h"
#include "facts/readers/read_facts.h"
#include "ways/way.h"

namespace cleave {
namespace {

// PCI Code and ID Assignment Specification 1.11, 1.1: base classes and, in four digits, subclasses.
DeviceKind kind_of(const PciDevice& device) {
  if (device.is_gpu()) return DeviceKind::Gpu;
  const std::uint32_t subclass = device.class_code >> 8U;
  if (subclass == 0x0C03) return DeviceKind::Usb;
  if (subclass == 0x0B40) return DeviceKind::Accelerator;  // co-processors
  switch (device.class_code >> 16U) {
    case 0x01:
      return DeviceKind::Disk;
    case 0x02:
    case 0x0D:  // wireless
      return DeviceKind::Network;
    case 0x04:
      return DeviceKind::Sound;
    case 0x12:
      return DeviceKind::Accelerator;
    default:
      return DeviceKind::Other;
  }
}

const MdevParent* parent_at(const Facts& facts, const PciAddress& address) {
  const auto* parents = facts.mdev_parents.value();
  if (parents == nullptr) return nullptr;
  const auto found = std::ranges::find(*parents, address, &MdevParent::pci);
  return found == parents->end() ? nullptr : &*found;
}

bool is_for_vms(const PciDevice& device) {
  return device.driver.value_or("").find("vfio") != std::string::npos;
}

// A virtual function stands below the device that it is a part of, if that is to be seen.
bool is_part(const Facts& facts, const PciDevice& device) {
  return device.physical_function &&
         std::ranges::any_of(*facts.pci_devices.value(), [&](const PciDevice& other) {
           return other.address == device.physical_function;
         });
}

bool is_listed(const Facts& facts, const PciDevice& device) {
  if (device.is_bridge() || is_part(facts, device)) return false;
  return kind_of(device) != DeviceKind::Other || is_for_vms(device) ||
         device.sriov_total_vfs.value_or(0) > 0 || parent_at(facts, device.address) != nullptr;
}

void add_users(const PciDevice& device, WholeDevice& whole) {
  whole.users_complete = whole.users_complete && device.users_complete;
  for (const DeviceUser& user : device.users) {
    if (std::ranges::find(whole.users, user) == whole.users.end()) whole.users.push_back(user);
  }
}

// What has shares cannot be given away whole while they exist.
void add_shares(const Facts& facts, const PciDevice& device, std::vector<DeviceReason>& reasons) {
  const auto add = [&](const char* text) {
    reasons.push_back({.device = device.address,
                       .reason = {.safety = DeviceSafety::InUse, .text = Message(text)}});
  };
  const MdevParent* parent = parent_at(facts, device.address);
  const auto* vgpus = facts.mediated_devices.value();
  if (parent != nullptr && vgpus != nullptr &&
      std::ranges::find(*vgpus, parent->name, &MediatedDevice::parent) != vgpus->end()) {
    add(N_("vGPUs of it exist."));
  }
  if (std::ranges::any_of(*facts.pci_devices.value(), [&](const PciDevice& other) {
        return other.physical_function == device.address;
      })) {
    add(N_("Virtual functions of it exist."));
  }
}

WholeDevice look_at_whole(const Facts& facts, const PciDevice& device) {
  WholeDevice whole;
  whole.pci = &device;
  whole.has_group = device.iommu_group.is_known();
  whole.group = group_members(facts, device);
  std::vector<const PciDevice*> all = whole.group;
  all.insert(all.begin(), &device);
  for (const PciDevice* one : all) {
    add_users(*one, whole);
    DeviceSafetyReport report = device_safety(facts, *one);
    for (SafetyReason& reason : report.reasons) {
      whole.reasons.push_back({.device = one->address, .reason = std::move(reason)});
    }
    add_shares(facts, *one, whole.reasons);
  }
  sort_keeping_order(whole.reasons, [](const DeviceReason& reason) {
    return -static_cast<int>(reason.reason.safety);
  });
  const DeviceSafety worst =
      whole.reasons.empty() ? DeviceSafety::Free : whole.reasons.front().reason.safety;
  whole.state = state_of(worst);
  if (worst == DeviceSafety::Free && !whole.users_complete) whole.state = DeviceState::Unknown;
  if (!whole.users.empty()) whole.state = DeviceState::Used;
  return whole;
}

void add_parent(const Facts& facts, const MdevParent& parent, ListedDevice& listed) {
  listed.parent = &parent;
  listed.capacity = capacity_of(facts, parent);
  listed.ways.emplace_back(way_for_parent(facts, parent).id());
  const auto* vgpus = facts.mediated_devices.value();
  if (vgpus == nullptr) return;
  for (const MediatedDevice& vgpu : *vgpus) {
    if (vgpu.parent != parent.name) continue;
    DeviceState state = vgpu.users_complete ? DeviceState::Free : DeviceState::Unknown;
    if (!vgpu.users.empty()) state = DeviceState::Used;
    listed.vgpus.push_back({.device = &vgpu, .state = state});
  }
}

ListedDevice list_pci_device(const Facts& facts, const PciDevice& device) {
  ListedDevice listed;
  listed.kind = kind_of(device);
  listed.address = to_text(device.address);
  listed.whole = look_at_whole(facts, device);
  if (const MdevParent* parent = parent_at(facts, device.address)) {
    add_parent(facts, *parent, listed);
  }
  for (const PciDevice& other : *facts.pci_devices.value()) {
    if (other.physical_function != device.address) continue;
    listed.functions.push_back(look_at_whole(facts, other));
  }
  if (device.sriov_total_vfs.value_or(0) > 0) listed.ways.emplace_back("sr-iov");
  if (listed.whole->has_group) listed.ways.emplace_back("passthrough");
  return listed;
}

Error unreadable_error(const Unreadable& unreadable) {
  Error error =
      error_of(ErrorCode::Io, Message(N_("Could not read {path}: {why}"),
                                      {{"path", unreadable.path}, {"why", unreadable.why}}));
  error.path = unreadable.path;
  return error;
}

}  // namespace

const char* device_kind_name(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::Gpu:
      return "gpu";
    case DeviceKind::Accelerator:
      return "accelerator";
    case DeviceKind::Disk:
      return "disk";
    case DeviceKind::Network:
      return "network";
    case DeviceKind::Usb:
      return "usb";
    case DeviceKind::Sound:
      return "sound";
    case DeviceKind::Other:
      break;
  }
  return "other";
}

const char* device_state_name(DeviceState state) {
  switch (state) {
    case DeviceState::Free:
      return "free";
    case DeviceState::Used:
      return "used";
    case DeviceState::InUse:
      return "in-use";
    case DeviceState::Essential:
      return "essential";
    case DeviceState::Unknown:
      break;
  }
  return "unknown";
}

DeviceState state_of(DeviceSafety safety) {
  switch (safety) {
    case DeviceSafety::Free:
      return DeviceState::Free;
    case DeviceSafety::InUse:
      return DeviceState::InUse;
    case DeviceSafety::Essential:
      return DeviceState::Essential;
    case DeviceSafety::Unknown:
      break;
  }
  return DeviceState::Unknown;
}

Result<DeviceList> list_devices(const HostReader& host) {
  Facts facts = read_device_facts(host);
  name_users(host, facts);
  if (const Unreadable* why = facts.pci_devices.unreadable()) return unreadable_error(*why);
  if (const Unreadable* why = facts.mdev_parents.unreadable()) return unreadable_error(*why);
  if (const Unreadable* why = facts.mediated_devices.unreadable()) return unreadable_error(*why);
  if (facts.pci_devices.is_absent()) {
    facts.pci_devices = {std::vector<PciDevice>(), facts.pci_devices.source()};
  }
  DeviceList list;
  list.facts = std::make_unique<const Facts>(std::move(facts));
  for (const PciDevice& device : *list.facts->pci_devices.value()) {
    if (!is_listed(*list.facts, device)) continue;
    list.devices.push_back(list_pci_device(*list.facts, device));
  }
  if (const auto* parents = list.facts->mdev_parents.value()) {
    for (const MdevParent& parent : *parents) {
      if (parent.pci) continue;
      ListedDevice listed;
      listed.address = parent.name;
      add_parent(*list.facts, parent, listed);
      list.devices.push_back(std::move(listed));
    }
  }
  sort_keeping_order(list.devices, &ListedDevice::kind);
  list.usb = list_usb_devices(host, *list.facts);
  return list;
}

std::optional<std::uint32_t> free_functions(const ListedDevice& device) {
  if (!device.whole) return std::nullopt;
  const std::uint32_t* total = device.whole->pci->sriov_total_vfs.value();
  if (total == nullptr) return std::nullopt;
  const auto used = std::ranges::count_if(device.functions, [](const WholeDevice& function) {
    return function.state != DeviceState::Free;
  });
  return *total - std::min(*total, static_cast<std::uint32_t>(used));
}

const ListedDevice* find_device(const DeviceList& list, const std::string& name) {
  const auto address = parse_pci_address(name);
  const std::string wanted = address ? to_text(*address) : name;
  const auto found = std::ranges::find(list.devices, wanted, &ListedDevice::address);
  return found == list.devices.end() ? nullptr : &*found;
}

}  // namespace cleave
