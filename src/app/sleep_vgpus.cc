// vGPUs over a suspend, on kernels that do not bear it: removed before, made again afterwards.
#include <algorithm>

#include "app/sleep.h"
#include "app/vgpu.h"
#include "app/vgpu_definition.h"
#include "app/vm_iommufd.h"
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

// What is to be made again; below /run, since a restart makes an end of all vGPUs anyway.
constexpr const char* kRecordDirectory = "/run/cleave";
constexpr const char* kRecord = "/run/cleave/.sleep.json";
constexpr std::string_view kSchema = "cleave.sleep-vgpus/1";
// GVT_MAX_VGPU is 8 a GPU (drivers/gpu/drm/i915/gvt/gvt.h).
constexpr std::size_t kMostVgpus = 256;

struct Removed {
  MdevDefinition definition;
  std::uint32_t user = 0;  // whom its node belonged to
};

// Only GVT-g's: what other drivers do over a suspend is not their matter.
bool is_of_gvt(const MediatedDevice& device) { return device.type_id.starts_with("i915-GVTg_"); }

SleepStep step(const MdevDefinition& vgpu, SleepDone done, const char* text,
               std::vector<Field> more = {}) {
  more.emplace_back("uuid", printable(vgpu.uuid));
  more.emplace_back("parent", printable(vgpu.parent));
  return {.vm = {},
          .user = {},
          .vgpu = vgpu.uuid,
          .done = done,
          .text = {text, std::move(more)},
          .reason = {}};
}

Json json_of(const std::vector<Removed>& all) {
  Json vgpus = Json::array();
  for (const Removed& each : all) {
    vgpus.push_back(Json::object({{"uuid", each.definition.uuid},
                                  {"parent", each.definition.parent},
                                  {"type", each.definition.type},
                                  {"user", each.user}}));
  }
  return Json::object({{"schema", kSchema}, {"vgpus", std::move(vgpus)}});
}

std::vector<Removed> read_record(const HostReader& host) {
  std::vector<Removed> all;
  const Result<std::string> text = host.read_file(kRecord);
  if (!text) return all;
  const Result<Json> json = parse_json(*text);
  const Json* vgpus = json ? json->find("vgpus") : nullptr;
  if (vgpus == nullptr || vgpus->as_array() == nullptr) return all;
  for (const Json& vgpu : *vgpus->as_array()) {
    if (all.size() == kMostVgpus) break;
    Removed removed;
    removed.definition.uuid = vgpu.text_of("uuid");
    removed.definition.parent = vgpu.text_of("parent");
    removed.definition.type = vgpu.text_of("type");
    const Json* user = vgpu.find("user");
    removed.user =
        user == nullptr ? 0 : static_cast<std::uint32_t>(user->as_unsigned().value_or(0));
    all.push_back(std::move(removed));
  }
  return all;
}

Result<void> write_record(HostWriter& host, const std::vector<Removed>& all) {
  TRY(host.create_directories(kRecordDirectory, 0755));
  return host.replace_file(kRecord, to_text(json_of(all), 2) + "\n", 0600);
}

std::uint32_t user_of(const HostReader& host, const MediatedDevice& device) {
  const bool groups = read_vfio_groups(host).value_or(true);
  const std::string path = vfio_node(host, device.sysfs_path, device.iommu_group, !groups);
  const auto node = host.status(path);
  return !path.empty() && node ? node->user : 0;
}

Result<void> remove_one(HostWriter& host, Transactions& transactions, const std::string& uuid) {
  const VgpuView view = TRY(view_vgpus(host));
  const PreparedRemove prepared = TRY(prepare_remove(host, view, transactions, uuid));
  (void)TRY(remove_vgpu(transactions, prepared));
  return {};
}

void refuse(SleepReport& report, const MdevDefinition& vgpu, const Error& why) {
  report.steps.push_back(
      step(vgpu, SleepDone::Refused,
           N_("The vGPU {uuid} on {parent} cannot be there while this kernel is suspended, and "
              "could not be removed: {reason}"),
           {{"reason", printable(english(why))}}));
}

std::optional<Owner> owner_of(std::uint32_t user) {
  if (user == 0) return std::nullopt;
  const Result<Owner> known = find_user(std::to_string(user));
  return known ? std::optional<Owner>(*known) : std::nullopt;
}

// With the attributes of its definition, where it is defined so.
MdevDefinition as_defined(const VgpuView& view, const MdevDefinition& removed) {
  const auto known = defined_vgpu(*view.facts, removed.uuid);
  const bool same = known && known->parent == removed.parent && known->type == removed.type;
  return same ? *known : removed;
}

Result<std::vector<StartedVgpu>> make_again(HostWriter& host, Transactions& transactions,
                                            const std::vector<Removed>& all) {
  (void)TRY(transactions.recover());
  const VgpuView view = TRY(view_vgpus(host, VgpuDetail::None));
  std::vector<PreparedStart> prepared;
  for (const Removed& each : all) {
    prepared.push_back(prepare_start(view, as_defined(view, each.definition), owner_of(each.user)));
  }
  return start_vgpus(host, transactions, prepared);
}

void tell_failure(SleepReport& report, const MdevDefinition& vgpu, const Error& why) {
  report.steps.push_back(step(vgpu, SleepDone::Failed,
                              N_("The vGPU {uuid} on {parent} could not be made again: {reason}"),
                              {{"reason", printable(english(why))}}));
  report.steps.back().reason = {N_("Try it again: sudo cleave sleep after")};
}

}  // namespace

void remove_vgpus(HostWriter& host, Transactions& transactions, SleepReport& report) {
  const Result<VgpuView> view = view_vgpus(host);
  if (!view) return refuse(report, {}, view.error());
  std::vector<Removed> all;
  for (const MediatedDevice* device : view->devices) {
    if (!is_of_gvt(*device)) continue;
    Removed vgpu;
    vgpu.definition.uuid = device->uuid;
    vgpu.definition.parent = device->parent;
    vgpu.definition.type = device->type_id;
    vgpu.user = user_of(host, *device);
    all.push_back(std::move(vgpu));
  }
  if (all.empty()) return;
  const auto recovered = transactions.recover();
  const Result<void> written =
      recovered ? write_record(host, all) : Result<void>(recovered.error());
  for (const Removed& each : all) {
    const Result<void> removed =
        written ? remove_one(host, transactions, each.definition.uuid) : written;
    if (!removed) return refuse(report, each.definition, removed.error());
    report.steps.push_back(step(each.definition, SleepDone::Removed,
                                N_("The vGPU {uuid} on {parent} is removed, and made again "
                                   "afterwards.")));
  }
}

void make_vgpus_again(HostWriter& host, Transactions& transactions, SleepReport& report) {
  if (!host.exists(kRecord)) return;
  const std::vector<Removed> all = read_record(host);
  const Result<std::vector<StartedVgpu>> made = make_again(host, transactions, all);
  std::vector<Removed> left;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const MdevDefinition& vgpu = all[i].definition;
    if (!made) {
      tell_failure(report, vgpu, made.error());
      left.push_back(all[i]);
    } else if ((*made)[i].state == VgpuStart::Refused) {
      tell_failure(report, vgpu, *(*made)[i].why);
      left.push_back(all[i]);
    } else if ((*made)[i].state == VgpuStart::Started) {
      report.steps.push_back(
          step(vgpu, SleepDone::Made, N_("The vGPU {uuid} on {parent} is there again.")));
    }
  }
  const Result<void> kept = left.empty() ? host.remove_file(kRecord) : write_record(host, left);
  (void)kept;  // what stays in it is there by then, and passed over the next time
}

}  // namespace cleave
