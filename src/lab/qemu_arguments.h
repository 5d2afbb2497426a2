// The laptop's hardware as QEMU's arguments.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace cleave {

struct LaptopHardware {
  std::string kernel_image;
  std::string initramfs;
  std::string agent_socket;
  std::string console_log;
  std::uint32_t memory_mb = 2048;
  std::uint32_t cpus = 2;
  std::string command_line;          // of the kernel
  std::vector<std::string> devices;  // as QEMU's -device takes them
};

// What the laptop needs, then the caller's, so that the caller's count where the kernel takes the
// last. Malformed if an argument holds blanks, quotes or control characters, or if a module
// parameter is not MODULE.NAME=VALUE.
Result<std::string> laptop_command_line(const std::vector<std::string>& kernel_arguments,
                                        const std::vector<std::string>& module_parameters);

std::vector<std::string> qemu_arguments(const LaptopHardware& hardware);

}  // namespace cleave
