#include "qemu_build/refresh.h"

#include "base/format.h"

namespace cleave {

Result<std::vector<SourceChange>> refresh_changes(std::uint32_t refresh_ms) {
  if (refresh_ms == 0 || refresh_ms >= kShippedRefreshMs) {
    return error_of(ErrorCode::Malformed,
                    {N_("--refresh-ms takes 1 to 29: QEMU as it is looks every 30 ms.")});
  }
  constexpr std::string_view kInterval = "#define GUI_REFRESH_INTERVAL_DEFAULT    ";
  constexpr std::string_view kBackOff = "#define VNC_REFRESH_INTERVAL_INC  ";
  return std::vector<SourceChange>{
      {.file = "include/ui/console.h",
       .before = format("{}{}\n", kInterval, kShippedRefreshMs),
       .after = format("{}{}\n", kInterval, refresh_ms)},
      {.file = "ui/vnc.c",
       .before = format("{}50\n", kBackOff),
       .after = format("{}1\n", kBackOff)},
  };
}

Result<std::string> apply_change(std::string_view text, const SourceChange& change) {
  const std::size_t at = text.find(change.before);
  const bool once =
      at != std::string_view::npos && text.find(change.before, at + 1) == std::string_view::npos;
  if (!once) {
    const std::string line = change.before.substr(0, change.before.find('\n'));
    return error_of(
        ErrorCode::Conflict,
        {N_("{file} of this source does not have “{line}” exactly once: it is not changed."),
         {{"file", change.file}, {"line", line}}},
        {N_("This QEMU may poll in another way than 7.2, from which cleave knows it; build it "
            "without --refresh-ms.")});
  }
  std::string changed(text);
  changed.replace(at, change.before.size(), change.after);
  return changed;
}

}  // namespace cleave
