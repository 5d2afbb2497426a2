#include "app/vgpu.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ranges>
#include <utility>

#include "app/vgpu_choice.h"
#include "app/vm_reservations.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"
#include "ways/vfio_device.h"

namespace cleave {
namespace {

constexpr const char* kDevices = "/sys/bus/mdev/devices";

Error unreadable_error(const Unreadable& unreadable) {
  Error error =
      error_of(ErrorCode::Denied, Message(N_("Could not read {path}: {why}"),
                                          {{"path", unreadable.path}, {"why", unreadable.why}}));
  error.path = unreadable.path;
  return error;
}

bool is_gpu(const Facts& facts, const MdevParent& parent) {
  const PciDevice* device = parent.pci ? find_pci_device(facts, *parent.pci) : nullptr;
  return device != nullptr && device->is_gpu();
}

Change owner_change(const char* id, Message summary, ChangeOwner effect) {
  Change change;
  change.id = id;
  change.summary = std::move(summary);
  change.reason = Message(N_("So that the virtual machine does not have to run as root."));
  change.effect = std::move(effect);
  return change;
}

void add_owner(Plan& plan, const std::string& device, const Owner& owner, bool iommufd) {
  ChangeOwner node = node_owner(device, iommufd);
  node.user = owner.uid;
  node.group = owner.gid;
  plan.changes.push_back(owner_change(
      "vgpu.give-node",
      Message(N_("Let {user} open the vGPU's node in /dev/vfio"), {{"user", owner.name}}),
      std::move(node)));
  plan.changes.push_back(owner_change(
      "vgpu.give-remove", Message(N_("Let {user} remove the vGPU"), {{"user", owner.name}}),
      ChangeOwner{.path = join_path(device, "remove"),
                  .named_by = "",
                  .user = owner.uid,
                  .group = owner.gid,
                  .wait_milliseconds = 0}));
}

// --- doing

// What the kernel means by refusing `create` although the plan found room: something else was
// faster. Errors: drivers/vfio/mdev/mdev_core.c mdev_device_create, gvt/aperture_gm.c.
std::optional<Message> create_refusal(int error_number, const VgpuRequest& request) {
  const std::vector<Field> fields{
      {"type", request.type_id}, {"parent", request.parent}, {"uuid", request.uuid}};
  switch (error_number) {
    case ENOSPC:  // GVT-g's memory or fences
    case EUSERS:  // the core's count, for drivers that have none of their own
      return Message(
          N_("{parent} has no room left for {type}: another program took it a moment ago."),
          fields);
    case EEXIST:
      return Message(N_("There is already a device with the UUID {uuid}."), fields);
    case EBUSY:
    case EAGAIN:
      return Message(N_("{parent} is busy and makes no vGPU right now."), fields);
    case ENODEV:
    case ENOENT:
      return Message(N_("{parent} does not offer {type} any more: its driver was unloaded, or its "
                        "room was taken a moment ago."),
                     fields);
    case EINVAL:
      return Message(N_("The driver of {parent} does not accept the UUID {uuid}."), fields);
    default:
      return std::nullopt;
  }
}

bool concerns_only(const Change& change, const std::string& uuid) {
  const std::string device = join_path(kDevices, uuid) + "/";
  if (const auto* write = std::get_if<WriteAttribute>(&change.effect)) {
    return base_name(write->done_path) == uuid || write->path.starts_with(device);
  }
  if (const auto* owner = std::get_if<ChangeOwner>(&change.effect)) {
    return owner->path.starts_with(device) || owner->named_by.starts_with(device);
  }
  return false;
}

// 0 if the driver does not tell.
std::uint32_t room_for(const VgpuParent* parent, const std::string& type_id) {
  if (parent == nullptr) return 0;
  const auto& types = parent->capacity.types;
  const auto type = std::ranges::find(types, type_id, &TypeCapacity::id);
  return type == types.end() || !type->available_known ? 0 : type->available;
}

bool makes(const Change& change, const std::string& uuid) {
  const auto* write = std::get_if<WriteAttribute>(&change.effect);
  return write != nullptr && !write->done_path.empty() && base_name(write->done_path) == uuid;
}

}  // namespace

Result<VgpuView> view_vgpus(const HostReader& host, VgpuDetail detail,
                            const std::optional<std::string>& only) {
  Facts facts = read_vgpu_facts(host, detail, only.transform(parent_name));
  if (detail != VgpuDetail::None) name_users(host, facts);
  if (const Unreadable* why = facts.mdev_parents.unreadable()) return unreadable_error(*why);
  if (const Unreadable* why = facts.mediated_devices.unreadable()) return unreadable_error(*why);
  VgpuView view;
  view.host = &host;
  view.facts = std::make_unique<const Facts>(std::move(facts));
  if (const auto* parents = view.facts->mdev_parents.value()) {
    for (const MdevParent& parent : *parents) {
      view.parents.push_back({.parent = &parent,
                              .capacity = capacity_of(*view.facts, parent),
                              .is_gpu = is_gpu(*view.facts, parent)});
    }
  }
  std::ranges::sort(view.parents, {}, [](const VgpuParent& parent) {
    return std::pair(!parent.is_gpu, parent.parent->name);
  });
  if (const auto* devices = view.facts->mediated_devices.value()) {
    for (const MediatedDevice& device : *devices) view.devices.push_back(&device);
  }
  return view;
}

Result<PreparedCreate> prepare_create(const VgpuView& view, const CreateRequest& request) {
  PreparedCreate prepared;
  prepared.request.parent = TRY(choose_parent(view, request.parent));
  const VgpuParent* parent = find_parent(view, prepared.request.parent);
  prepared.request.type_id = TRY(choose_type(parent, request.type));
  auto uuid = request.uuid ? Result<std::string>(lower_case(*request.uuid)) : random_uuid();
  prepared.request.uuid = TRY(std::move(uuid));
  prepared.sysfs_path = join_path(kDevices, prepared.request.uuid);
  prepared.plan = TRY(attach_plan(view, prepared.request));
  prepared.room = room_for(parent, prepared.request.type_id);
  if (request.owner) {
    const bool groups = read_vfio_groups(*view.host).value_or(true);
    add_owner(prepared.plan, prepared.sysfs_path, *request.owner, !groups);
  }
  return prepared;
}

Error explain_create(Error error, const VgpuRequest& request) {
  if (!error.path.ends_with("/create")) return error;
  std::optional<Message> sentence = create_refusal(error.error_number, request);
  if (!sentence) return error;
  error.code = ErrorCode::Conflict;
  error.message = std::move(*sentence);
  error.remedy = Message(N_("“cleave vgpu types” shows what is left."));
  return error;
}

Result<ApplyReport> create_vgpu(Transactions& transactions, const PreparedCreate& prepared) {
  Result<ApplyReport> report = transactions.apply(prepared.plan);
  if (!report) return explain_create(std::move(report).error(), prepared.request);
  // Skipped: it appeared between the look and the lock. Somebody else's, then.
  for (const std::size_t change : report->skipped) {
    if (!makes(prepared.plan.changes[change], prepared.request.uuid)) continue;
    if (report->transaction != 0) TRY(transactions.undo(report->transaction));
    return error_of(ErrorCode::Conflict, *create_refusal(EEXIST, prepared.request));
  }
  return report;
}

const TransactionRecord* transaction_of(const std::vector<TransactionRecord>& records,
                                        const std::string& uuid) {
  const auto made =
      std::ranges::find_if(records | std::views::reverse, [&](const TransactionRecord& record) {
        return record.state == TransactionRecord::State::Applied &&
               std::ranges::any_of(record.plan.changes,
                                   [&](const Change& change) { return makes(change, uuid); });
      });
  return made == std::ranges::rend(records) ? nullptr : &*made;
}

Result<PreparedRemove> prepare_remove(const HostReader& host, const VgpuView& view,
                                      const Transactions& transactions, const std::string& uuid) {
  PreparedRemove prepared;
  prepared.uuid = lower_case(uuid);
  const auto found = std::ranges::find(view.devices, prepared.uuid, &MediatedDevice::uuid);
  if (found != view.devices.end()) {
    prepared.type_id = (*found)->type_id;
    prepared.parent = (*found)->parent;
    prepared.users_known = (*found)->users_complete;
  }
  const Way* way = TRY(way_for(*view.facts, prepared.parent));
  prepared.plan = TRY(way->detach(*view.facts, prepared.uuid));
  // Whom the vGPU was given to may remove it without root.
  const auto may_write =
      host.may_access(join_path(join_path(kDevices, prepared.uuid), "remove"), Access::Write);
  if (host.user_id() != 0 && may_write.has_value() && *may_write) {
    for (Change& change : prepared.plan.changes) change.needs_root = false;
  }
  const auto records = TRY(transactions.list());
  if (const TransactionRecord* made = transaction_of(records, prepared.uuid)) {
    prepared.made_by = *made;
    const std::vector<Change>& changes = made->plan.changes;
    for (std::size_t change = 0; change < changes.size(); ++change) {
      if (concerns_only(changes[change], prepared.uuid)) prepared.changes.push_back(change);
    }
    if (prepared.changes.size() == changes.size()) prepared.changes.clear();
    if (!prepared.changes.empty()) prepared.made_by->done = prepared.changes;
  }
  return prepared;
}

Result<std::uint32_t> remove_vgpu(Transactions& transactions, const PreparedRemove& prepared) {
  if (prepared.made_by) {
    const std::uint32_t number = prepared.made_by->number;
    if (prepared.changes.empty()) {
      TRY(transactions.undo(number));
    } else {
      TRY(transactions.undo_part(number, prepared.changes));
    }
    return number;
  }
  const ApplyReport report = TRY(transactions.apply(prepared.plan));
  return report.transaction;
}

Result<std::string> random_uuid() {
  std::array<unsigned char, 16> bytes{};
  // Up to 256 bytes are never cut short by a signal (getrandom(2)).
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return system_error(errno, Message(N_("The kernel gave no random numbers")));
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);  // version 4
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);  // the RFC's variant
  std::string uuid;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += format("{:02x}", bytes[i]);
  }
  return uuid;
}

}  // namespace cleave
