// Two constants of QEMU's source that decide how often its displays ask for the guest's picture.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cleave {

// As shipped: 30 ms between two looks, and VNC adds 50 ms each time that nothing was new.
inline constexpr std::uint32_t kShippedRefreshMs = 30;

struct SourceChange {
  const char* file;    // relative to the source
  std::string before;  // "#define GUI_REFRESH_INTERVAL_DEFAULT    30"
  std::string after;
};

// A poll every `refresh_ms` in all displays. VNC's back-off becomes 1 ms: with 50 a faster poll
// shows fewer frames, since it finds nothing new more often. Malformed unless 1 to 29.
Result<std::vector<SourceChange>> refresh_changes(std::uint32_t refresh_ms);

// Conflict unless the text before is there exactly once: that source is another.
Result<std::string> apply_change(std::string_view text, const SourceChange& change);

}  // namespace cleave
