// cleave vgpu types: what kinds of vGPUs the machine offers, how many still fit, and why not more.
#include <utility>

#include "app/vgpu.h"
#include "base/format.h"
#include "cli/commands/all.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

const MdevType* listed_type(const MdevParent& parent, const std::string& id) {
  for (const MdevType& type : parent.types) {
    if (type.id == id) return &type;
  }
  return nullptr;
}

Json type_json(const VgpuParent& parent, const TypeCapacity& type) {
  Json json;
  json.set("id", type.id);
  const MdevType* listed = listed_type(*parent.parent, type.id);
  json.set("listed", type.listed);
  if (listed != nullptr && listed->device_api.is_known()) {
    json.set("device_api", *listed->device_api.value());
  }
  json.set("available", type.available_known ? Json(type.available) : Json());
  json.set("maximum", type.maximum ? Json(*type.maximum) : Json());
  json.set("memory_mb", type.memory_mb == 0 ? Json() : Json(type.memory_mb));
  if (type.size.width != 0) {
    json.set("resolution",
             Json::object({{"width", type.size.width}, {"height", type.size.height}}));
  }
  if (type.size.low_gm_mb != 0) {
    json.set("aperture_mb", type.size.low_gm_mb);
    json.set("hidden_mb", type.size.high_gm_mb);
    json.set("fences", type.size.fences);
  }
  json.set("reason", type.reason.empty() ? Json() : Json(english(type.reason)));
  return json;
}

Json parent_json(const VgpuParent& parent) {
  Json types = Json::array();
  for (const TypeCapacity& type : parent.capacity.types) types.push_back(type_json(parent, type));
  Json json;
  json.set("parent", parent.parent->name);
  json.set("sysfs_path", parent.parent->sysfs_path);
  json.set("gpu", parent.is_gpu);
  const std::string* driver = parent.parent->driver.value();
  json.set("driver", driver == nullptr ? Json() : Json(*driver));
  const auto& best = parent.capacity.best_type;
  json.set("best_type", best ? Json(*best) : Json());
  json.set("types", std::move(types));
  return json;
}

std::vector<std::string> type_row(const VgpuParent& parent, const TypeCapacity& type) {
  std::string note = translate(type.reason);
  if (type.id == parent.capacity.best_type) {
    note = translate(N_("the best for one virtual machine"));
  }
  const GvtTypeSize& size = type.size;
  return {parent.parent->name,
          type.id,
          type.available_known ? std::to_string(type.available) : "?",
          type.maximum ? std::to_string(*type.maximum) : "",
          size.width == 0 ? "" : format("{}x{}", size.width, size.height),
          type.memory_mb == 0 ? "" : format("{} MB", type.memory_mb),
          note};
}

Result<ExitStatus> run(CommandContext& context) {
  const HostWriter* host = TRY(context.host());
  const VgpuView view = TRY(view_vgpus(*host));
  Json parents = Json::array();
  std::vector<std::vector<std::string>> rows{
      {translate(N_("PARENT")), translate(N_("TYPE")), translate(N_("FREE")),
       translate(N_("AT MOST")), translate(N_("PICTURE")), translate(N_("MEMORY")), ""}};
  for (const VgpuParent& parent : view.parents) {
    parents.push_back(parent_json(parent));
    for (const TypeCapacity& type : parent.capacity.types) {
      rows.push_back(type_row(parent, type));
    }
  }
  context.print_json(
      Json::object({{"schema", "cleave.vgpu-types/1"}, {"parents", std::move(parents)}}));
  if (rows.size() == 1) {
    context.say(Message(N_("Nothing on this machine offers vGPUs right now.")));
    context.say(Message(N_("“cleave doctor” tells why, and what can be done.")));
    return ExitStatus::NotReady;
  }
  std::string text = table(rows);
  while (text.ends_with('\n')) text.pop_back();
  context.say_text(text);
  return ExitStatus::Done;
}

}  // namespace

const Command kVgpuTypesCommand = {
    .name = "vgpu types",
    .summary = N_("Show which types of vGPUs there are and how many fit"),
    .options = {},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
