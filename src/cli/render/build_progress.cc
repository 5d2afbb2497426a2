#include "cli/render/build_progress.h"

#include <unistd.h>

#include "base/format.h"
#include "cli/render/translate.h"

namespace cleave {

std::string progress_text(const NinjaProgress& progress,
                          std::optional<std::uint64_t> seconds_left) {
  const std::uint64_t percent = std::uint64_t{progress.done} * 100 / progress.total;
  constexpr std::uint64_t kMinute = 60;
  if (!seconds_left) {
    return translate(
        Message(N_("{done} of {total} steps, {percent} %"),
                {{"done", progress.done}, {"total", progress.total}, {"percent", percent}}));
  }
  if (*seconds_left < kMinute) {
    return translate(
        Message(N_("{done} of {total} steps, {percent} %, less than a minute left"),
                {{"done", progress.done}, {"total", progress.total}, {"percent", percent}}));
  }
  return translate(Message(N_("{done} of {total} steps, {percent} %, about {minutes} min left"),
                           {{"done", progress.done},
                            {"total", progress.total},
                            {"percent", percent},
                            {"minutes", (*seconds_left + kMinute / 2) / kMinute}}));
}

BuildProgress::BuildProgress(bool silent)
    : silent_(silent), terminal_(::isatty(::fileno(stderr)) == 1) {}

void BuildProgress::show(const NinjaProgress& progress, std::optional<std::uint64_t> seconds_left) {
  if (silent_) return;
  const std::uint32_t now = tenths(progress);
  if (!terminal_ && now <= told_) return;
  told_ = now;
  // The line is overwritten, as Steps does with its own (ECMA-48, EL).
  const std::string text = format("{}{:10}{}{}", terminal_ ? "\r\x1b[K" : "", "",
                                  progress_text(progress, seconds_left), terminal_ ? "" : "\n");
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace cleave
