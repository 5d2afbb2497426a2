#include "cli/commands/vgpu_list_functions.h"

#include <algorithm>
#include <utility>

#include "app/functions.h"
#include "app/vgpu_choice.h"
#include "base/text.h"
#include "cli/render/device_users.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

std::vector<const PciDevice*> functions_in(const Facts& facts) {
  std::vector<const PciDevice*> found;
  if (const auto* all = facts.pci_devices.value()) {
    for (const PciDevice& device : *all) {
      if (device.is_virtual_function) found.push_back(&device);
    }
  }
  return found;
}

std::string parent_text(const PciDevice& function) {
  return function.physical_function ? to_text(*function.physical_function) : "-";
}

std::string used_by(const PciDevice& function) {
  std::string users = users_text(function.users);
  if (!function.users_complete) users += users.empty() ? "?" : ", ?";
  return users.empty() ? "-" : users;
}

std::string group_text(const PciDevice& function) {
  const std::uint32_t* group = function.iommu_group.value();
  return group == nullptr ? "-" : std::to_string(*group);
}

std::string functions_text(const std::vector<const PciDevice*>& functions) {
  std::vector<std::vector<std::string>> rows{{translate(N_("FUNCTION")), translate(N_("OF")),
                                              translate(N_("DRIVER")), translate(N_("GROUP")),
                                              translate(N_("USED BY"))}};
  for (const PciDevice* function : functions) {
    rows.push_back({to_text(function->address), parent_text(*function),
                    function->driver.value_or("-"), group_text(*function), used_by(*function)});
  }
  return table(rows);
}

Json function_json(const PciDevice& function) {
  const std::uint32_t* group = function.iommu_group.value();
  return Json::object(
      {{"address", to_text(function.address)},
       {"parent", function.physical_function ? Json(to_text(*function.physical_function)) : Json()},
       {"driver", function.driver.is_known() ? Json(*function.driver.value()) : Json()},
       {"iommu_group", group == nullptr ? Json() : Json(*group)},
       {"users", users_json(function.users)},
       {"users_complete", function.users_complete}});
}

std::uint32_t now_of(const FunctionsView& view, const FunctionDefinition& definition) {
  const PciDevice* device = find_pci_device(view.facts, definition.device);
  return device == nullptr ? 0 : device->sriov_num_vfs.value_or(0);
}

std::string definitions_text(const FunctionsView& view) {
  std::vector<std::vector<std::string>> rows{{translate(N_("DEFINED")), translate(N_("FUNCTIONS")),
                                              translate(N_("START")), translate(N_("NOW"))}};
  for (const FunctionDefinition& definition : view.definitions) {
    rows.push_back({to_text(definition.device), std::to_string(definition.count),
                    definition.starts_by_itself ? "auto" : "manual",
                    std::to_string(now_of(view, definition))});
  }
  return table(rows);
}

Json definition_json(const FunctionsView& view, const FunctionDefinition& definition) {
  return Json::object({{"parent", to_text(definition.device)},
                       {"functions", definition.count},
                       {"start", definition.starts_by_itself ? "auto" : "manual"},
                       {"path", path_of(definition)},
                       {"now", now_of(view, definition)}});
}

void add_text(const std::string& text, WatchedList& list) {
  if (!list.text.empty()) list.text += "\n\n";
  list.text += text;
  while (list.text.ends_with('\n')) list.text.pop_back();
}

}  // namespace

Result<void> add_functions(const HostReader& host, WatchedList& list) {
  const FunctionsView view = TRY(view_functions(host));
  const auto functions = functions_in(view.facts);
  Json existing = Json::array();
  for (const PciDevice* function : functions) {
    existing.push_back(function_json(*function));
    list.states.emplace_back(to_text(function->address),
                             function->driver.value_or("-") + ", " + used_by(*function));
  }
  Json defined = Json::array();
  for (const FunctionDefinition& definition : view.definitions) {
    defined.push_back(definition_json(view, definition));
    list.states.emplace_back(path_of(definition), std::to_string(now_of(view, definition)));
  }
  if (!functions.empty()) add_text(functions_text(functions), list);
  if (!view.definitions.empty()) add_text(definitions_text(view), list);
  list.json.set("functions", std::move(existing));
  list.json.set("function_definitions", std::move(defined));
  return {};
}

}  // namespace cleave
