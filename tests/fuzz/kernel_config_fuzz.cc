#include "facts/kernel.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = cleave::parse_kernel_config(cleave::fuzz::text_of(data, size));
  std::size_t length = 0;
  for (const auto& [name, value] : config) length += name.size() + value.size();
  cleave::fuzz::require(length <= size);
  return 0;
}
