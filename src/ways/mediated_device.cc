#include "ways/mediated_device.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "ways/vfio_device.h"

namespace cleave {
namespace {

constexpr const char* kDevices = "/sys/bus/mdev/devices/";

Error unreadable(const Unreadable& unread) {
  Error error = error_of(ErrorCode::Denied, {N_("The mediated devices could not be read: {why}"),
                                             {{"why", unread.why}}});
  error.path = unread.path;
  return error;
}

std::string list_of(const std::vector<std::string>& names) {
  return names.empty() ? "-" : join(names, ", ");
}

const MediatedDevice* find_device(const std::vector<MediatedDevice>& devices,
                                  const std::string& uuid) {
  const auto found = std::ranges::find(devices, uuid, &MediatedDevice::uuid);
  return found == devices.end() ? nullptr : &*found;
}

Error unknown_type(const MdevParent& parent, const std::string& type_id) {
  std::vector<std::string> ids;
  for (const MdevType& type : parent.types) ids.push_back(type.id);
  Message message{N_("{parent} has no type {type}."),
                  {{"parent", parent.name}, {"type", printable(type_id)}}};
  Message remedy{N_("It has: {types}"), {{"types", list_of(ids)}}};
  if (const auto near = nearest(type_id, ids)) {
    remedy = {N_("Did you mean {nearest}? It has: {types}"),
              {{"nearest", *near}, {"types", list_of(ids)}}};
  }
  return error_of(ErrorCode::NotFound, std::move(message), std::move(remedy));
}

Error uuid_taken(const MediatedDevice& device) {
  return error_of(ErrorCode::Conflict,
                  {N_("The UUID {uuid} is taken: a vGPU of type {type} on {parent} has it."),
                   {{"uuid", device.uuid}, {"type", device.type_id}, {"parent", device.parent}}},
                  {N_("Take another UUID, or remove that vGPU: cleave vgpu remove {uuid}"),
                   {{"uuid", device.uuid}}});
}

// Empty if an instance is left, or if nobody can say: then the driver decides.
std::optional<Error> none_left(const Facts& facts, const MdevParent& parent,
                               const std::string& type_id) {
  const Capacity capacity = capacity_of(facts, parent);
  const auto type = std::ranges::find(capacity.types, type_id, &TypeCapacity::id);
  if (type == capacity.types.end() || type->available > 0) return std::nullopt;
  // Unread, but sure by arithmetic only where the whole aperture is the host's.
  if (!type->available_known) return std::nullopt;
  Message remedy{N_("Remove a vGPU that is not needed: cleave vgpu list")};
  if (capacity.best_type) {
    remedy = {N_("Of {type} there is one left; or remove a vGPU that is not needed: cleave vgpu "
                 "list"),
              {{"type", *capacity.best_type}}};
  }
  Error error = error_of(ErrorCode::Busy,
                         {N_("No vGPU of type {type} is left on {parent}."),
                          {{"type", type_id}, {"parent", parent.name}}},
                         std::move(remedy));
  error.context.push_back(type->reason);
  return error;
}

Change create_change(const MdevParent& parent, const MdevType& type, const std::string& uuid) {
  const std::string device = kDevices + uuid;
  WriteAttribute write;
  write.path = type.sysfs_path + "/create";
  write.value = uuid;
  write.undo_path = device + "/remove";
  write.undo_value = "1";
  write.done_path = device;
  // A device of the same UUID but another type or parent is not ours to remove.
  write.undo_guard_path = device + "/mdev_type";
  write.undo_guard = format("/{}/mdev_supported_types/{}", parent.name, type.id);
  return {
      .id = "vgpu.create",
      .summary = {N_("Create vGPU {uuid} of type {type} on {parent}"),
                  {{"uuid", uuid}, {"type", type.id}, {"parent", parent.name}}},
      .reason = {N_("The VM gets it as its GPU. It is gone after a restart of the machine.")},
      .effect = std::move(write),
  };
}

Change remove_change(const MediatedDevice& device, const MdevParent* parent) {
  WriteAttribute write;
  write.path = device.sysfs_path + "/remove";
  write.value = "1";
  if (parent != nullptr) {
    write.undo_path =
        format("{}/mdev_supported_types/{}/create", parent->sysfs_path, device.type_id);
    write.undo_value = device.uuid;
  }
  Message reason{N_("No process uses it.")};
  if (!device.users_complete) {
    reason = {
        N_("No process was seen to use it, but not all processes could be looked into "
           "without being root.")};
  }
  return {
      .id = "vgpu.remove",
      .summary = {N_("Remove vGPU {uuid} of type {type} from {parent}"),
                  {{"uuid", device.uuid}, {"type", device.type_id}, {"parent", device.parent}}},
      .reason = std::move(reason),
      .effect = std::move(write),
  };
}

Error in_use(const MediatedDevice& device) {
  std::vector<std::string> users;
  for (const DeviceUser& user : device.users) {
    users.push_back(format("{} ({})", user.process_id, printable(user.command)));
  }
  Error error = error_of(ErrorCode::Busy,
                         {N_("vGPU {uuid} is in use by process {processes}."),
                          {{"uuid", device.uuid}, {"processes", join(users, ", ")}}},
                         {N_("Shut the VM down first: the kernel would wait for it without end.")});
  if (!device.users_complete) {
    error.context.emplace_back(
        N_("There may be more: not all processes could be looked into without being root."));
  }
  return error;
}

// How a driver hands over a vGPU's picture (VFIO_DEVICE_QUERY_GFX_PLANE).
enum class Picture : std::uint8_t { None, Region, DmaBuf };

Picture picture_of(std::string_view type_id) {
  if (type_id.find("GVTg_V") != std::string_view::npos) return Picture::DmaBuf;  // gvt/dmabuf.c
  if (type_id.starts_with("mbochs-")) return Picture::DmaBuf;  // samples/vfio-mdev/mbochs.c
  if (type_id.starts_with("mtty-")) return Picture::None;      // a serial port
  // mdpy and NVIDIA's drivers; QEMU asks the driver for both kinds anyway.
  return Picture::Region;
}

}  // namespace

Error MediatedDeviceWay::parent_missing(const Facts& facts, const std::string& name) const {
  std::vector<std::string> names;
  for (const MdevParent& parent : facts.mdev_parents.value_or({})) names.push_back(parent.name);
  Message remedy{N_("There are: {parents}"), {{"parents", list_of(names)}}};
  if (names.empty()) {
    remedy = {N_("No device here offers vGPUs. What is missing tells: cleave doctor")};
  } else if (const auto near = nearest(name, names)) {
    remedy = {N_("Did you mean {nearest}? There are: {parents}"),
              {{"nearest", *near}, {"parents", list_of(names)}}};
  }
  return error_of(ErrorCode::NotFound,
                  {N_("{parent} is not registered as a parent of mediated devices."),
                   {{"parent", printable(name)}}},
                  std::move(remedy));
}

Result<Plan> MediatedDeviceWay::attach(const Facts& facts, const VgpuRequest& request) const {
  const std::optional<std::string> uuid = parse_uuid(request.uuid);
  if (!uuid) {
    return error_of(ErrorCode::Malformed,
                    {N_("“{uuid}” is no UUID."), {{"uuid", printable(request.uuid)}}},
                    {N_("A UUID looks like 2f5e7a0c-3b1d-4c8e-9f6a-0d1e2c3b4a59; uuidgen makes "
                        "one.")});
  }
  if (const Unreadable* unread = facts.mdev_parents.unreadable()) return unreadable(*unread);
  if (const Unreadable* unread = facts.mediated_devices.unreadable()) return unreadable(*unread);

  static const std::vector<MdevParent> kNone;
  const auto* parents = facts.mdev_parents.value();
  if (parents == nullptr) parents = &kNone;
  const auto parent = std::ranges::find(*parents, request.parent, &MdevParent::name);
  if (parent == parents->end()) return parent_missing(facts, request.parent);
  const auto type = std::ranges::find(parent->types, request.type_id, &MdevType::id);
  if (type == parent->types.end()) return unknown_type(*parent, request.type_id);

  Plan plan;
  plan.purpose = {N_("Create a vGPU of type {type}"), {{"type", type->id}}};
  const std::vector<MediatedDevice> devices = facts.mediated_devices.value_or({});
  if (const MediatedDevice* device = find_device(devices, *uuid)) {
    const bool same = device->parent == parent->name && device->type_id == type->id;
    if (!same) return uuid_taken(*device);
    return plan;
  }
  if (auto error = none_left(facts, *parent, type->id)) return std::move(*error);
  plan.changes.push_back(create_change(*parent, *type, *uuid));
  return plan;
}

Result<Plan> MediatedDeviceWay::detach(const Facts& facts, const std::string& uuid) const {
  if (const Unreadable* unread = facts.mediated_devices.unreadable()) return unreadable(*unread);
  const std::vector<MediatedDevice> devices = facts.mediated_devices.value_or({});
  const MediatedDevice* device = find_device(devices, parse_uuid(uuid).value_or(uuid));
  if (device == nullptr) {
    std::vector<std::string> uuids;
    for (const MediatedDevice& other : devices) uuids.push_back(other.uuid);
    return error_of(ErrorCode::NotFound,
                    {N_("There is no vGPU {uuid}."), {{"uuid", printable(uuid)}}},
                    {N_("There are: {uuids}"), {{"uuids", list_of(uuids)}}});
  }
  if (!device->users.empty()) return in_use(*device);

  static const std::vector<MdevParent> kNone;
  const auto* parents = facts.mdev_parents.value();
  if (parents == nullptr) parents = &kNone;
  const auto parent = std::ranges::find(*parents, device->parent, &MdevParent::name);
  Plan plan;
  plan.purpose = {N_("Remove vGPU {uuid}"), {{"uuid", device->uuid}}};
  plan.changes.push_back(remove_change(*device, parent == parents->end() ? nullptr : &*parent));
  return plan;
}

GuestDevice MediatedDeviceWay::guest_device(const Attachment& attachment) const {
  // A comma inside a value of QEMU's option syntax is written twice (docs/system/invocation).
  const Picture picture = picture_of(attachment.type_id);
  const bool display = attachment.display && picture != Picture::None;
  // Only the device that cannot be unplugged may have ramfb (vfio_pci_nohotplug_dev_class_init,
  // QEMU's hw/vfio/pci.c).
  const bool ramfb = display && attachment.ramfb;
  std::string device = format("{},sysfsdev={}", ramfb ? "vfio-pci-nohotplug" : "vfio-pci",
                              replace_all(attachment.sysfs_path, ",", ",,"));
  // `off` is said, too: QEMU's default is `auto`, which would need OpenGL after all.
  device += display ? ",display=on" : ",display=off";
  if (ramfb) device += ",ramfb=on";
  // A picture in memory has the size of its type; only one with an EDID can be asked for another
  // (vfio_realize, hw/vfio/pci.c: "xres and yres properties need edid support").
  if (display && picture == Picture::DmaBuf && attachment.width > 0) {
    device += format(",xres={},yres={}", attachment.width, attachment.height);
  }
  device += opregion_option(attachment);
  if (!attachment.rom.empty()) device += ",romfile=" + replace_all(attachment.rom, ",", ",,");
  GuestDevice guest;
  if (attachment.iommufd) {
    device += kIommufdProperty;
    guest.objects = {kIommufdObject};
  }
  guest.devices = {std::move(device)};
  guest.needs_opengl = display && picture == Picture::DmaBuf;
  return guest;
}

}  // namespace cleave
