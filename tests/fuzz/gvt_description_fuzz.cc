// The text that a driver gives for a type, and UUIDs.
#include "facts/mdev.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = cleave::fuzz::text_of(data, size);
  (void)cleave::parse_gvt_description(text);
  const auto uuid = cleave::parse_uuid(text);
  if (uuid) cleave::fuzz::require(cleave::parse_uuid(*uuid) == uuid);
  return 0;
}
