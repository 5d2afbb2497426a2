// kernelstub: JSON of the right form, or refused.
#include "facts/kernelstub_config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  if (const auto config = cleave::parse_kernelstub_config(text)) {
    require(config->arguments.size() <= text.size() * 3 + 3);
  }
  return 0;
}
