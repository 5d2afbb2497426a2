// cleave vgpu list: the vGPUs that exist, whoever made them, and who uses them; and those that are
// defined and do not exist now.
#include <algorithm>
#include <utility>

#include "app/vgpu.h"
#include "app/vgpu_definition.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vgpu_list_functions.h"
#include "cli/commands/watch.h"
#include "cli/render/device_users.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

// Who made the devices; empty if cleave's records cannot be read without root.
using Records = std::optional<std::vector<TransactionRecord>>;

Json device_json(const MediatedDevice& device, const Records& records) {
  Json json;
  json.set("uuid", device.uuid);
  json.set("parent", device.parent);
  json.set("type", device.type_id);
  json.set("sysfs_path", device.sysfs_path);
  const std::uint32_t* group = device.iommu_group.value();
  json.set("iommu_group", group == nullptr ? Json() : Json(*group));
  json.set("users", users_json(device.users));
  json.set("users_complete", device.users_complete);
  json.set("made_by_cleave", Json());
  json.set("transaction", Json());
  if (records) {
    const TransactionRecord* made = transaction_of(*records, device.uuid);
    json.set("made_by_cleave", made != nullptr);
    if (made != nullptr) json.set("transaction", made->number);
  }
  return json;
}

std::string used_by_text(const MediatedDevice& device) {
  std::string users = users_text(device.users);
  if (!device.users_complete) users += users.empty() ? "?" : ", ?";
  return users.empty() ? "-" : users;
}

std::string maker_text(const MediatedDevice& device, const Records& records) {
  if (!records) return "?";
  const TransactionRecord* made = transaction_of(*records, device.uuid);
  return made == nullptr ? "-" : format("cleave ({})", made->number);
}

bool exists(const VgpuView& view, const MdevDefinition& definition) {
  return std::ranges::find(view.devices, definition.uuid, &MediatedDevice::uuid) !=
         view.devices.end();
}

Json definition_json(const VgpuView& view, const MdevDefinition& definition) {
  return Json::object(
      {{"uuid", printable(definition.uuid)},
       {"parent", printable(definition.parent)},
       {"type", printable(definition.type)},
       {"start", definition.starts_by_itself ? "auto" : "manual"},
       {"path", definition.path},
       {"exists", exists(view, definition)},
       {"problem", definition.problem.empty() ? Json() : Json(definition.problem)}});
}

std::string state_text(const VgpuView& view, const MdevDefinition& definition) {
  if (!definition.problem.empty()) return printable(definition.problem);
  return translate(exists(view, definition) ? N_("there") : N_("not there"));
}

// Empty if nothing is defined.
std::string definitions_text(const VgpuView& view, const std::vector<MdevDefinition>& definitions) {
  if (definitions.empty()) return {};
  std::vector<std::vector<std::string>> rows{{translate(N_("DEFINED")), translate(N_("PARENT")),
                                              translate(N_("TYPE")), translate(N_("START")),
                                              translate(N_("NOW"))}};
  for (const MdevDefinition& definition : definitions) {
    rows.push_back({printable(definition.uuid), printable(definition.parent),
                    printable(definition.type), definition.starts_by_itself ? "auto" : "manual",
                    state_text(view, definition)});
  }
  return "\n" + table(rows);
}

std::string vgpus_text(const VgpuView& view, const Records& records) {
  if (view.devices.empty()) return translate(N_("There are no vGPUs.")) + "\n";
  std::vector<std::vector<std::string>> rows{{translate(N_("UUID")), translate(N_("PARENT")),
                                              translate(N_("TYPE")), translate(N_("GROUP")),
                                              translate(N_("USED BY")), translate(N_("MADE BY"))}};
  for (const MediatedDevice* device : view.devices) {
    const std::uint32_t* group = device->iommu_group.value();
    rows.push_back({device->uuid, device->parent, device->type_id,
                    group == nullptr ? "-" : std::to_string(*group), used_by_text(*device),
                    maker_text(*device, records)});
  }
  return table(rows);
}

// What "?" in the list means; empty if there is none.
std::string remark_text(const VgpuView& view, const Records& records) {
  const bool complete = std::ranges::all_of(
      view.devices, [](const MediatedDevice* device) { return device->users_complete; });
  if (view.devices.empty() || (complete && records)) return {};
  return translate(N_("“?”: this can only be seen with sudo.")) + "\n";
}

// Only root makes vGPUs, so only root's records tell.
Result<Records> read_records(HostWriter& host) {
  Result<std::vector<TransactionRecord>> listed = Transactions(host).list();
  if (listed) return Records(std::move(*listed));
  if (listed.error().code != ErrorCode::Denied) return std::move(listed).error();
  return Records();
}

Result<WatchedList> look(HostWriter& host) {
  const VgpuView view = TRY(view_vgpus(host));
  const std::vector<MdevDefinition> definitions = TRY(vgpu_definitions(*view.facts));
  const Records records = TRY(read_records(host));
  WatchedList found;
  found.text =
      vgpus_text(view, records) + definitions_text(view, definitions) + remark_text(view, records);
  while (found.text.ends_with('\n')) found.text.pop_back();
  Json devices = Json::array();
  for (const MediatedDevice* device : view.devices) {
    devices.push_back(device_json(*device, records));
    found.states.emplace_back(device->uuid, device->type_id + ", " + used_by_text(*device));
  }
  Json defined = Json::array();
  for (const MdevDefinition& definition : definitions) {
    defined.push_back(definition_json(view, definition));
    found.states.emplace_back(printable(definition.path), state_text(view, definition));
  }
  found.json = Json::object({{"schema", "cleave.vgpu-list/1"},
                             {"vgpus", std::move(devices)},
                             {"definitions", std::move(defined)}});
  TRY(add_functions(host, found));
  return found;
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  if (context.arguments().has("--watch")) {
    Result<ExitStatus> watched = watch(context, *host, [&] { return look(*host); });
    return watched ? std::move(watched) : answer(context, watched.error());
  }
  const WatchedList found = TRY(look(*host));
  context.say_text(found.text);
  context.print_json(found.json);
  return ExitStatus::Done;
}

}  // namespace

const Command kVgpuListCommand = {
    .name = "vgpu list",
    .summary = N_("List the vGPUs that exist and who uses them, and those that are defined"),
    .options = {{.name = "--watch",
                 .value = nullptr,
                 .help = N_("go on and show what changes, until Ctrl-C")}},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
