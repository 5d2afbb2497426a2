// How the boot before ended, as the last lines of its log tell. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cleave {

struct PreviousBootEnd {
  // Each with the line that tells it, without the log's prefix.
  std::optional<std::string> orderly;  // the system shut down or rebooted
  std::optional<std::string> asleep;   // it went to sleep and was not seen to wake up
  std::optional<std::string> hang;     // a GPU or the kernel hung shortly before the last line
  std::optional<std::string> vgpu;     // a vGPU was in use at the end
  std::string last;                    // the last line; empty: there is none
};

// Of the last boot in `log`. Linear in its size.
PreviousBootEnd read_previous_boot_end(std::string_view log);

}  // namespace cleave
