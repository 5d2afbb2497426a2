// Pictures of a VM's screen: the PPM that every QEMU can write, turned into a PNG file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/host.h"

namespace cleave {

struct Picture {
  std::uint32_t width = 0;           // pixels, at least 1
  std::uint32_t height = 0;          // pixels, at least 1
  std::vector<std::uint8_t> pixels;  // red, green, blue; rows from the top, no padding
};

// At most this many pixels a side: more than any QEMU display (ui/console.c) has.
inline constexpr std::uint32_t kMaximumPictureSide = 16384;
// The largest PPM that is read: 8192 x 8192 pixels of 3 bytes, and its header.
inline constexpr std::size_t kMaximumPpmBytes = std::size_t{3} * 8192 * 8192 + 64;

// Binary PPM, "P6", 8 bits a sample (netpbm's ppm(5)). Malformed if it is cut short or too large.
Result<Picture> parse_ppm(std::string_view bytes);

// The bytes of a PNG file, 8-bit RGB.
Result<std::string> encode_png(const Picture& picture);

// Writes the file at once or not at all: a temporary file beside it, rename; Ctrl-C waits for it.
// A path that is there and is no regular file (a pipe, a device) is written to directly; a
// directory is refused. A new file has the mode 0666 less the umask.
Result<void> save_file(const std::string& path, std::string_view content,
                       Durability durability = Durability::Synced);

}  // namespace cleave
