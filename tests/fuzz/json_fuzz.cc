// JSON: what parses prints, and what is printed parses to the same value.
#include "base/json.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = cleave::parse_json(cleave::fuzz::text_of(data, size));
  if (!value) {
    cleave::fuzz::require(value.error().code == cleave::ErrorCode::Malformed);
    return 0;
  }
  const std::string text = cleave::to_text(*value);
  const auto again = cleave::parse_json(text);
  cleave::fuzz::require(again.has_value());
  cleave::fuzz::require(cleave::to_text(*again) == text);
  return 0;
}
