// Both files of rEFInd.
#include "facts/refind_config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  require(cleave::parse_refind_linux(text).size() <= 1000);
  for (const cleave::BootEntry& entry : cleave::parse_refind_stanzas(text)) {
    require(!entry.kernel.empty());
    require(entry.arguments.size() <= text.size());
  }
  return 0;
}
