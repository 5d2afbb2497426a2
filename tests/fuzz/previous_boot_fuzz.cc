// The end of a kernel log: how the boot before ended.
#include "analysis/previous_boot.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const cleave::PreviousBootEnd end = cleave::read_previous_boot_end(text);
  for (const auto& line : {end.orderly, end.asleep, end.hang, end.vgpu}) {
    // Every line of evidence is one of the log's: none without a last one.
    require(!line || !end.last.empty());
  }
  return 0;
}
