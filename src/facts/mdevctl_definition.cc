#include "facts/mdevctl_definition.h"

#include "base/json.h"
#include "facts/mdev.h"

namespace cleave {
namespace {

constexpr std::size_t kMostAttributes = 64;

// Below the device's own directory.
bool is_name(std::string_view name) {
  return !name.empty() && name.front() != '/' && name.find("..") == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

// [{"name": "value"}, …]; false if it is anything else.
bool parse_attributes(const Json& json, std::vector<MdevAttribute>& attributes) {
  const Json* list = json.find("attrs");
  if (list == nullptr) return true;
  const Json::Array* items = list->as_array();
  if (items == nullptr || items->size() > kMostAttributes) return false;
  for (const Json& item : *items) {
    const Json::Object* members = item.as_object();
    if (members == nullptr || members->size() != 1) return false;
    const auto& [name, value] = members->front();
    if (!is_name(name) || value.as_string() == nullptr) return false;
    attributes.push_back({name, *value.as_string()});
  }
  return true;
}

}  // namespace

MdevDefinition parse_mdevctl_definition(std::string_view parent, std::string_view name,
                                        std::string_view text) {
  MdevDefinition definition;
  definition.parent = parent;
  definition.uuid = parse_uuid(name).value_or(std::string(name));
  if (!parse_uuid(name)) definition.problem = "its name is no UUID";
  const Result<Json> json = parse_json(text);
  if (!json || json->as_object() == nullptr) {
    definition.problem = "no JSON object";
    return definition;
  }
  definition.type = json->text_of("mdev_type");
  const std::string_view start = json->text_of("start");
  definition.starts_by_itself = start == "auto";
  if (definition.type.empty() && definition.problem.empty()) {
    definition.problem = "no mdev_type";
  }
  if (!parse_attributes(*json, definition.attributes) && definition.problem.empty()) {
    definition.problem = "attrs is no list of attributes";
  }
  return definition;
}

std::string mdevctl_text(const MdevDefinition& definition) {
  Json attributes = Json::array();
  for (const auto& [name, value] : definition.attributes) {
    attributes.push_back(Json::object({{name, value}}));
  }
  return to_text(Json::object({{"mdev_type", definition.type},
                               {"start", definition.starts_by_itself ? "auto" : "manual"},
                               {"attrs", std::move(attributes)}}),
                 2);
}

}  // namespace cleave
