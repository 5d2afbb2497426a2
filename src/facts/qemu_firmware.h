// The descriptions by which distributions tell QEMU's callers of firmware for guests: one JSON file
// each (QEMU's docs/interop/firmware.json).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cleave {

struct QemuFirmware {
  std::string description;
  std::string code;         // path of the file with its program
  std::string code_format;  // "raw", "qcow2"
  std::string nvram;        // path of the template of its variables
  std::string nvram_format;
  std::vector<std::string> machines;  // patterns for x86_64: "pc-q35-*"
  std::vector<std::string> features;  // "secure-boot", "enrolled-keys", "requires-smm"
  std::string file;                   // where it was read

  [[nodiscard]] bool has_feature(std::string_view feature) const;
  // Whether one of its patterns fits "q35" or "pc".
  [[nodiscard]] bool fits_machine(std::string_view machine) const;
};

inline constexpr std::size_t kQemuFirmwareLimit = std::size_t{64} << 10U;

// Malformed: no such description. Unsupported: one of another kind (BIOS, another processor, in
// memory, without variables of its own), which is no mistake.
Result<QemuFirmware> parse_qemu_firmware(std::string_view text, std::string_view file);

// The first that fits; null if none does. With Secure Boot one that has Microsoft's keys, without
// it one that does not need the system management mode.
const QemuFirmware* choose_qemu_firmware(const std::vector<QemuFirmware>& all,
                                         std::string_view machine, bool secure_boot);

}  // namespace cleave
