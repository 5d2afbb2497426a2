#include "run/launch_spec.h"

namespace cleave {
namespace {

const Json::Array& items_of(const Json& json, std::string_view key) {
  static const Json::Array kNone;
  const Json* member = json.find(key);
  return member != nullptr && member->as_array() != nullptr ? *member->as_array() : kNone;
}

std::vector<std::pair<std::string, std::string>> texts_of(const Json& json, std::string_view key) {
  std::vector<std::pair<std::string, std::string>> texts;
  const Json* member = json.find(key);
  if (member == nullptr || member->as_object() == nullptr) return texts;
  for (const auto& [name, value] : *member->as_object()) {
    if (value.as_string() != nullptr) texts.emplace_back(name, *value.as_string());
  }
  return texts;
}

std::vector<std::uint32_t> numbers_of(const Json& json) {
  std::vector<std::uint32_t> numbers;
  if (json.as_array() == nullptr) return numbers;
  for (const Json& each : *json.as_array()) {
    numbers.push_back(static_cast<std::uint32_t>(each.as_unsigned().value_or(0)));
  }
  return numbers;
}

}  // namespace

Json to_json(const LaunchSpec& spec) {
  Json argv = Json::array();
  for (const std::string& argument : spec.argv) argv.push_back(argument);
  Json environment = Json::object();
  for (const auto& [name, value] : spec.environment) environment.set(name, value);
  Json pin = Json::array();
  for (const std::vector<std::uint32_t>& processor : spec.pin) {
    Json cpus = Json::array();
    for (const std::uint32_t cpu : processor) cpus.push_back(cpu);
    pin.push_back(std::move(cpus));
  }
  Json disks = Json::object();
  for (const auto& [name, file] : spec.disks) disks.set(name, file);
  return Json::object({{"argv", std::move(argv)},
                       {"environment", std::move(environment)},
                       {"limit_ms", spec.limit.count()},
                       {"companions", to_json(spec.companions)},
                       {"pin", std::move(pin)},
                       {"disks", std::move(disks)}});
}

LaunchSpec launch_from_json(const Json& json) {
  LaunchSpec spec;
  for (const Json& argument : items_of(json, "argv")) {
    if (argument.as_string() != nullptr) spec.argv.push_back(*argument.as_string());
  }
  spec.environment = texts_of(json, "environment");
  const Json* limit = json.find("limit_ms");
  spec.limit = std::chrono::milliseconds(limit != nullptr ? limit->as_integer().value_or(0) : 0);
  if (const Json* companions = json.find("companions")) {
    spec.companions = companions_from_json(*companions);
  }
  for (const Json& processor : items_of(json, "pin")) spec.pin.push_back(numbers_of(processor));
  spec.disks = texts_of(json, "disks");
  return spec;
}

}  // namespace cleave
