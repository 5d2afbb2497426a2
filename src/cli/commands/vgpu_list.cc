// cleave vgpu list: the vGPUs that exist, whoever made them, and who uses them; and those that are
// defined and do not exist now.
#include <algorithm>
#include <utility>

#include "app/vgpu.h"
#include "app/vgpu_definition.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

// Who made the devices; empty if cleave's records cannot be read without root.
using Records = std::optional<std::vector<TransactionRecord>>;

Json device_json(const MediatedDevice& device, const Records& records) {
  Json users = Json::array();
  for (const DeviceUser& user : device.users) {
    users.push_back(
        Json::object({{"process_id", user.process_id}, {"command", printable(user.command)}}));
  }
  Json json;
  json.set("uuid", device.uuid);
  json.set("parent", device.parent);
  json.set("type", device.type_id);
  json.set("sysfs_path", device.sysfs_path);
  const std::uint32_t* group = device.iommu_group.value();
  json.set("iommu_group", group == nullptr ? Json() : Json(*group));
  json.set("users", std::move(users));
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

std::string users_text(const MediatedDevice& device) {
  std::vector<std::string> users;
  for (const DeviceUser& user : device.users) {
    users.push_back(format("{} ({})", user.process_id, printable(user.command)));
  }
  if (!device.users_complete) users.emplace_back("?");
  return users.empty() ? "-" : join(users, ", ");
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

void say_table(const CommandContext& context, const std::vector<std::vector<std::string>>& rows) {
  std::string text = table(rows);
  while (text.ends_with('\n')) text.pop_back();
  context.say_text(text);
}

void say_definitions(const CommandContext& context, const VgpuView& view,
                     const std::vector<MdevDefinition>& definitions) {
  if (definitions.empty()) return;
  std::vector<std::vector<std::string>> rows{{translate(N_("DEFINED")), translate(N_("PARENT")),
                                              translate(N_("TYPE")), translate(N_("START")),
                                              translate(N_("NOW"))}};
  for (const MdevDefinition& definition : definitions) {
    rows.push_back({printable(definition.uuid), printable(definition.parent),
                    printable(definition.type), definition.starts_by_itself ? "auto" : "manual",
                    state_text(view, definition)});
  }
  context.say_text("");
  say_table(context, rows);
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VgpuView view = TRY(view_vgpus(*host));
  const std::vector<MdevDefinition> definitions = TRY(vgpu_definitions(*view.facts));
  // Only root makes vGPUs, so only root's records tell.
  Result<std::vector<TransactionRecord>> listed = Transactions(*host).list();
  if (!listed && listed.error().code != ErrorCode::Denied) return std::move(listed).error();
  Records records;
  if (listed) records = std::move(*listed);

  Json devices = Json::array();
  bool complete = true;
  std::vector<std::vector<std::string>> rows{{translate(N_("UUID")), translate(N_("PARENT")),
                                              translate(N_("TYPE")), translate(N_("GROUP")),
                                              translate(N_("USED BY")), translate(N_("MADE BY"))}};
  for (const MediatedDevice* device : view.devices) {
    devices.push_back(device_json(*device, records));
    complete = complete && device->users_complete;
    const std::uint32_t* group = device->iommu_group.value();
    rows.push_back({device->uuid, device->parent, device->type_id,
                    group == nullptr ? "-" : std::to_string(*group), users_text(*device),
                    maker_text(*device, records)});
  }
  Json defined = Json::array();
  for (const MdevDefinition& definition : definitions) {
    defined.push_back(definition_json(view, definition));
  }
  context.print_json(Json::object({{"schema", "cleave.vgpu-list/1"},
                                   {"vgpus", std::move(devices)},
                                   {"definitions", std::move(defined)}}));
  if (view.devices.empty()) {
    context.say(Message(N_("There are no vGPUs.")));
    say_definitions(context, view, definitions);
    return ExitStatus::Done;
  }
  say_table(context, rows);
  say_definitions(context, view, definitions);
  if (!complete || !records) {
    context.say(Message(N_("“?”: this can only be seen with sudo.")));
  }
  return ExitStatus::Done;
}

}  // namespace

const Command kVgpuListCommand = {
    .name = "vgpu list",
    .summary = N_("List the vGPUs that exist and who uses them, and those that are defined"),
    .options = {},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
