#include "facts/function_definition.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/format.h"
#include "base/json.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::string_view kSuffix = ".json";
constexpr std::size_t kMostAttributes = 256;
constexpr std::size_t kLongestText = 256;
constexpr std::uint32_t kMostFunctions = 65535;  // the capability's NumVFs has 16 bits

Error malformed(std::string_view name, Message problem) {
  Error error =
      error_of(ErrorCode::Malformed, std::move(problem),
               {N_("“cleave vgpu define --parent ADDRESS --functions N” writes a right one.")});
  error.path = format("{}/{}", kFunctionDefinitions, printable(name));
  return error;
}

bool is_value(std::string_view value) {
  return !value.empty() && value.size() <= kLongestText &&
         std::ranges::none_of(value, [](char letter) {
           return static_cast<unsigned char>(letter) < ' ' || letter == '\x7f';
         });
}

// [["name", "value"], …]
bool parse_attributes(const Json* list, FunctionDefinition& definition) {
  if (list == nullptr) return true;
  const Json::Array* items = list->as_array();
  if (items == nullptr || items->size() > kMostAttributes) return false;
  for (const Json& item : *items) {
    const Json::Array* pair = item.as_array();
    if (pair == nullptr || pair->size() != 2) return false;
    const std::string* name = (*pair)[0].as_string();
    const std::string* value = (*pair)[1].as_string();
    if (name == nullptr || value == nullptr || !is_function_attribute(*name) || !is_value(*value)) {
      return false;
    }
    definition.attributes.emplace_back(*name, *value);
  }
  return true;
}

}  // namespace

bool is_function_attribute(std::string_view name) {
  // Those have changes of their own, or would take the device away.
  static constexpr std::array<std::string_view, 7> kNotThese = {
      "sriov_numvfs", "sriov_drivers_autoprobe", "driver_override", "remove", "rescan", "reset",
      "enable"};
  if (!is_value(name) || std::ranges::find(kNotThese, name) != kNotThese.end()) return false;
  // A link ("driver", "subsystem", "physfn") would lead out of the directory.
  static constexpr std::array<std::string_view, 3> kInside = {"sriov_admin", "drm", "prelim_iov"};
  const auto parts = split(name, '/');
  if (std::ranges::find(kInside, parts.front()) == kInside.end() || parts.size() < 2) return false;
  return std::ranges::none_of(parts, [](std::string_view part) {
    return part.empty() || part == "." || part == ".." || part == "device" || part == "subsystem";
  });
}

std::string path_of(const FunctionDefinition& definition) {
  return format("{}/{}{}", kFunctionDefinitions, to_text(definition.device), kSuffix);
}

Result<FunctionDefinition> parse_function_definition(std::string_view name, std::string_view text) {
  FunctionDefinition definition;
  const bool named = name.ends_with(kSuffix);
  const auto address =
      named ? parse_pci_address(name.substr(0, name.size() - kSuffix.size())) : std::nullopt;
  if (!address)
    return malformed(
        name,
        {N_("The name of this definition of virtual functions is no address of a PCI device")});
  definition.device = *address;
  const Result<Json> json = parse_json(text);
  if (!json || json->as_object() == nullptr)
    return malformed(name, {N_("This definition of virtual functions is no JSON object")});
  const Json* count = json->find("functions");
  const auto number = count == nullptr ? std::nullopt : count->as_unsigned();
  if (!number || *number == 0 || *number > kMostFunctions) {
    return malformed(
        name, {N_("In this definition of virtual functions “functions” is no number from 1 on")});
  }
  definition.count = static_cast<std::uint32_t>(*number);
  const std::string_view start = json->text_of("start");
  if (start != "auto" && start != "manual") {
    return malformed(
        name, {N_("In this definition of virtual functions “start” is neither auto nor manual")});
  }
  definition.starts_by_itself = start == "auto";
  if (!parse_attributes(json->find("attributes"), definition)) {
    return malformed(name, {N_("In this definition of virtual functions “attributes” is no list of "
                               "a driver's attributes and values")});
  }
  return definition;
}

std::string to_file_text(const FunctionDefinition& definition) {
  Json attributes = Json::array();
  for (const auto& [name, value] : definition.attributes) {
    attributes.push_back(Json::array({name, value}));
  }
  return to_text(Json::object({{"schema", "cleave.functions/1"},
                               {"functions", definition.count},
                               {"start", definition.starts_by_itself ? "auto" : "manual"},
                               {"attributes", std::move(attributes)}}),
                 2) +
         "\n";
}

}  // namespace cleave
