// How far a compilation is: one line that changes on a terminal, elsewhere a line each tenth.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "qemu_build/progress.h"

namespace cleave {

class BuildProgress {
 public:
  // `silent` prints nothing (with --json).
  explicit BuildProgress(bool silent);
  void show(const NinjaProgress& progress, std::optional<std::uint64_t> seconds_left);

 private:
  bool silent_;
  bool terminal_;
  std::uint32_t told_ = 0;  // tenths
};

// "5 of 1034 files, 1 %, about 7 min left".
std::string progress_text(const NinjaProgress& progress, std::optional<std::uint64_t> seconds_left);

}  // namespace cleave
