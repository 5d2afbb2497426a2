// A Windows driver's .inf, which comes from anywhere.
#include "fuzz.h"
#include "install/driver_package.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view bytes = cleave::fuzz::text_of(data, size);
  if (const auto inf = cleave::parse_inf(bytes)) {
    require(cleave::parse_driver_version(to_text(inf->version)) == inf->version);
    require(!cleave::judge_gvt_g_driver(inf->version).about.empty());
  }
  return 0;
}
