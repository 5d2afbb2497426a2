// What fuzz targets share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace cleave::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A property that must hold for any input; ends the program, which the fuzzer reports.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace cleave::fuzz
