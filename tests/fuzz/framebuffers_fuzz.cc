// /proc/fb of a hostile capture.
#include <string>

#include "facts/platform.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const auto names = cleave::parse_framebuffers(cleave::fuzz::text_of(data, size));
  require(names.size() <= 32);
  for (const std::string& name : names) require(name.find('\n') == std::string::npos);
  return 0;
}
