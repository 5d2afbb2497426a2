// The GPU drivers' firmware files, as the kernel would look for them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "facts/fact.h"

namespace cleave {

enum class Compression : std::uint8_t { None, Xz, Zstd };

struct FirmwareFile {
  std::string path;  // "/lib/firmware/i915/tgl_guc_70.bin.zst"
  Compression compression = Compression::None;

  bool operator==(const FirmwareFile&) const = default;
};

// By the name that a driver asks for: "i915/tgl_guc_70.bin". Where there are several, the first
// that the kernel takes (drivers/base/firmware_loader/main.c: fw_path, and in each place the plain
// file before .zst before .xz).
using FirmwareFiles = std::map<std::string, FirmwareFile, std::less<>>;

// Adds the file `name` of `place`/`folder` unless an earlier one has its name already.
void add_firmware_file(FirmwareFiles& files, std::string_view place, std::string_view folder,
                       std::string_view name);

}  // namespace cleave
