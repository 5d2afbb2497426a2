#include "facts/mdevctl_definition.h"

#include "base/json.h"
#include "facts/mdev.h"

namespace cleave {

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
  return definition;
}

}  // namespace cleave
