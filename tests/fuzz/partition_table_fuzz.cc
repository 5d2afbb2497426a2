// The first sectors of a disk that a guest has written.
#include "fuzz.h"
#include "install/partition_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = cleave::fuzz::text_of(data, size);
  cleave::fuzz::require(cleave::disk_start_name(cleave::disk_start(bytes)) != nullptr);
  (void)cleave::image_kind(bytes);
  return 0;
}
