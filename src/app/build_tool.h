// Runs the programs that make a QEMU: each in a process group of its own, with what they say in one
// log, never as root.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "run/process.h"

namespace cleave {

class BuildTools {
 public:
  // `home`: HOME of the programs, where root lends them to another user. `cancel`: readable once
  // the work is to end (or -1).
  static Result<BuildTools> open(std::string log_path, std::optional<Credentials> builder,
                                 std::string home, int cancel);

  struct Run {
    std::vector<std::string> argv;
    std::string directory;
    std::vector<std::pair<std::string, std::string>> environment = {};
    // Each line of what it prints; true ends it, as a success.
    std::function<bool(std::string_view line)> on_line = {};
    std::optional<std::chrono::seconds> limit = {};
  };
  // Interrupted when cancelled: the program and all it started have ended. Io for a failure, with
  // the lines that say why; a full disk is told as such.
  Result<void> run(const Run& run);

  [[nodiscard]] const std::string& log_path() const { return log_path_; }
  [[nodiscard]] const std::optional<Credentials>& builder() const { return builder_; }
  [[nodiscard]] Result<void> check_cancel() const;

 private:
  BuildTools() = default;
  ProcessSpec spec_for(const Run& run, int output) const;

  std::string log_path_;
  OwnedFd log_;
  std::optional<Credentials> builder_;
  std::string home_;
  int cancel_ = -1;
};

Error build_interrupted();

}  // namespace cleave
