// Unpacks gzip, xz or zstd.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cleave {

// Malformed if it is not compressed in a known way or damaged, or larger than `limit` bytes.
Result<std::string> decompress(std::string_view packed, std::size_t limit);

}  // namespace cleave
