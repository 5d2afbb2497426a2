#include "cli/render/devices_json.h"

#include "base/format.h"
#include "base/text.h"
#include "cli/render/device_users.h"

namespace cleave {
namespace {

template <typename T>
Json json_of(const Fact<T>& fact) {
  const T* value = fact.value();
  return value == nullptr ? Json() : Json(*value);
}

Json json_of(const std::optional<std::string>& text) {
  return text ? Json(printable(*text)) : Json();
}

void add_reason(const SafetyReason& reason, Json& json) {
  Json arguments = Json::object();
  for (const Field& field : reason.text.fields) arguments.set(field.name, field.value);
  json.set("safety", device_safety_name(reason.safety));
  json.set("text", english(reason.text));
  json.set("args", std::move(arguments));
}

Json reasons_json(const std::vector<DeviceReason>& reasons) {
  Json all = Json::array();
  for (const DeviceReason& reason : reasons) {
    Json json = Json::object({{"address", to_text(reason.device)}});
    add_reason(reason.reason, json);
    all.push_back(std::move(json));
  }
  return all;
}

Json usb_json(const ListedUsb& listed) {
  const UsbDevice& device = *listed.usb;
  Json reasons = Json::array();
  for (const SafetyReason& reason : listed.reasons) {
    Json json = Json::object();
    add_reason(reason, json);
    reasons.push_back(std::move(json));
  }
  const auto text = [](const std::string& told) {
    return told.empty() ? Json() : Json(printable(told));
  };
  return Json::object({{"port", device.port},
                       {"vendor_id", format("{:04x}", device.vendor_id)},
                       {"product_id", format("{:04x}", device.product_id)},
                       {"manufacturer", text(device.manufacturer)},
                       {"product", text(device.product)},
                       {"state", device_state_name(listed.state)},
                       {"reasons", std::move(reasons)},
                       {"users", users_json(listed.users)},
                       {"claimed_by_a_program", listed.claimed},
                       {"definition", listed.definition}});
}

Json whole_json(const WholeDevice& whole) {
  Json group = Json::array();
  for (const PciDevice* device : whole.group) {
    group.push_back(
        Json::object({{"address", to_text(device->address)}, {"driver", json_of(device->driver)}}));
  }
  return Json::object({{"state", device_state_name(whole.state)},
                       {"possible", whole.has_group},
                       {"reasons", reasons_json(whole.reasons)},
                       {"users", users_json(whole.users)},
                       {"users_complete", whole.users_complete},
                       {"group_members", std::move(group)}});
}

Json mediated_json(const ListedDevice& listed) {
  Json types = Json::array();
  for (const TypeCapacity& type : listed.capacity.types) {
    if (!type.listed) continue;
    types.push_back(
        Json::object({{"id", printable(type.id)},
                      {"name", type.name.empty() ? Json() : Json(type.name)},
                      {"available", type.available_known ? Json(type.available) : Json()}}));
  }
  Json vgpus = Json::array();
  for (const SharedVgpu& vgpu : listed.vgpus) {
    const MediatedDevice& device = *vgpu.device;
    vgpus.push_back(Json::object({{"uuid", device.uuid},
                                  {"type", printable(device.type_id)},
                                  {"iommu_group", json_of(device.iommu_group)},
                                  {"state", device_state_name(vgpu.state)},
                                  {"users", users_json(device.users)},
                                  {"users_complete", device.users_complete}}));
  }
  return Json::object(
      {{"parent", listed.parent->name}, {"types", std::move(types)}, {"vgpus", std::move(vgpus)}});
}

Json functions_json(const ListedDevice& listed) {
  const std::uint32_t* total = listed.whole->pci->sriov_total_vfs.value();
  if (total == nullptr || *total == 0) return {};
  Json all = Json::array();
  for (const WholeDevice& function : listed.functions) {
    Json json = Json::object({{"address", to_text(function.pci->address)},
                              {"driver", json_of(function.pci->driver)},
                              {"iommu_group", json_of(function.pci->iommu_group)}});
    json.set("whole", whole_json(function));
    all.push_back(std::move(json));
  }
  const auto free = free_functions(listed);
  return Json::object(
      {{"total", *total}, {"free", free ? Json(*free) : Json()}, {"functions", std::move(all)}});
}

}  // namespace

Json device_json(const ListedDevice& listed) {
  Json ways = Json::array();
  for (const std::string& way : listed.ways) ways.push_back(way);
  Json json = Json::object({{"address", listed.whole ? Json(listed.address) : Json()},
                            {"kind", device_kind_name(listed.kind)}});
  if (listed.whole) {
    const PciDevice& device = *listed.whole->pci;
    json.set("vendor_id", format("{:04x}", device.vendor_id));
    json.set("device_id", format("{:04x}", device.device_id));
    json.set("vendor_name", json_of(device.vendor_name));
    json.set("name", json_of(device.device_name));
    json.set("driver", json_of(device.driver));
    json.set("iommu_group", json_of(device.iommu_group));
  } else {
    json.set("name", listed.address);
    json.set("driver", json_of(listed.parent->driver));
  }
  json.set("ways", std::move(ways));
  json.set("mediated", listed.parent == nullptr ? Json() : mediated_json(listed));
  json.set("sr_iov", listed.whole ? functions_json(listed) : Json());
  json.set("whole", listed.whole ? whole_json(*listed.whole) : Json());
  return json;
}

Json usb_devices_json(const std::vector<ListedUsb>& devices) {
  Json all = Json::array();
  for (const ListedUsb& listed : devices) all.push_back(usb_json(listed));
  return all;
}

Json devices_json(const DeviceList& list) {
  Json devices = Json::array();
  for (const ListedDevice& listed : list.devices) devices.push_back(device_json(listed));
  const bool unread = list.facts->usb_devices.unreadable() != nullptr;
  return Json::object({{"schema", "cleave.devices/1"},
                       {"devices", std::move(devices)},
                       {"usb_devices", unread ? Json() : usb_devices_json(list.usb)}});
}

}  // namespace cleave
