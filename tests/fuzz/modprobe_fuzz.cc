// A file of modprobe.d, and the text of the attribute `lockdown`.
#include "facts/platform.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  cleave::ModprobeFacts facts;
  cleave::parse_modprobe_file(text, "", facts);
  std::size_t length = 0;
  for (const auto& [module, options] : facts.options) {
    require(!module.empty() && !options.empty());
    for (const auto& option : options) {
      length += option.parameter.size() + option.value.size();
      require(option.parameter.find('-') == std::string::npos);
    }
  }
  for (const auto& [module, source] : facts.blacklisted) {
    require(!module.empty() && module.find('-') == std::string::npos);
    length += module.size();
  }
  require(length <= size);
  require(cleave::parse_lockdown(text).size() <= size);
  return 0;
}
