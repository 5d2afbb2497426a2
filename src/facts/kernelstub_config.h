// /etc/kernelstub/configuration of Pop!_OS: JSON (kernelstub/config.py). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cleave {

struct KernelstubConfig {
  std::string arguments;  // "user" → "kernel_options", a list or in old files one text
  std::string esp_path;   // "/boot/efi"
  bool unified = false;
};

// Empty if this is no such file; at most 1 MiB.
std::optional<KernelstubConfig> parse_kernelstub_config(std::string_view text);

}  // namespace cleave
