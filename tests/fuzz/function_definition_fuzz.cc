// Definitions of virtual functions: understood and the same when written again, or refused with the
// reason; an attribute never leads out of the device's directory.
#include "facts/function_definition.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  constexpr const char* kName = "0000:03:00.0.json";
  const auto definition = cleave::parse_function_definition(kName, text);
  if (definition) {
    require(definition->count > 0);
    for (const auto& [name, value] : definition->attributes) {
      require(name.find("..") == std::string::npos || name.find("/../") == std::string::npos);
      require(!name.starts_with('/') && !value.empty());
    }
    const auto again = cleave::parse_function_definition(kName, cleave::to_file_text(*definition));
    require(again && *again == *definition);
  } else {
    require(!definition.error().message.empty());
  }
  (void)cleave::parse_function_definition(text, "{}");
  return 0;
}
