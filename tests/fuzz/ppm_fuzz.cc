// The picture that QEMU writes, and the PNG made of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "run/picture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto picture =
      cleave::parse_ppm({reinterpret_cast<const char*>(data), size});  // NOLINT: bytes are bytes
  if (!picture) return 0;
  // What was accepted can be written.
  if (!cleave::encode_png(*picture)) std::abort();
  return 0;
}
