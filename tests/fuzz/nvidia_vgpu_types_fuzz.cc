// The types that a driver, or a hostile capture, lists on a virtual function.
#include <string>

#include "facts/pci.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const auto types = cleave::parse_nvidia_vgpu_types(cleave::fuzz::text_of(data, size));
  require(types.size() <= 256);
  std::string again;
  for (const cleave::NvidiaVgpuType& type : types) {
    require(type.id != 0 && !type.name.empty());
    require(type.name.find('\n') == std::string::npos);
    again += std::to_string(type.id) + " : " + type.name + "\n";
  }
  // What was read can be written and read again.
  require(cleave::parse_nvidia_vgpu_types(again).size() == types.size());
  return 0;
}
