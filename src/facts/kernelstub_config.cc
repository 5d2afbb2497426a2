#include "facts/kernelstub_config.h"

#include "base/json.h"

namespace cleave {

std::optional<KernelstubConfig> parse_kernelstub_config(std::string_view text) {
  constexpr std::size_t kLongestText = std::size_t{1} << 20U;
  if (text.size() > kLongestText) return std::nullopt;
  const auto json = parse_json(text);
  if (!json) return std::nullopt;
  // Before somebody changed anything there is "default" alone, which kernelstub then takes.
  const Json* user = json->find("user");
  if (user == nullptr) user = json->find("default");
  const Json* options = user != nullptr ? user->find("kernel_options") : nullptr;
  if (options == nullptr) return std::nullopt;
  KernelstubConfig config;
  config.esp_path = user->text_of("esp_path");
  if (const Json* unified = user->find("unified_kernel")) {
    config.unified = unified->as_bool() != nullptr && *unified->as_bool();
  }
  if (const std::string* line = options->as_string()) {
    config.arguments = *line;
    return config;
  }
  const Json::Array* list = options->as_array();
  if (list == nullptr) return std::nullopt;
  for (const Json& option : *list) {
    const std::string* word = option.as_string();
    if (word == nullptr) return std::nullopt;
    if (word->empty()) continue;
    if (!config.arguments.empty()) config.arguments += ' ';
    config.arguments += *word;
  }
  return config;
}

}  // namespace cleave
