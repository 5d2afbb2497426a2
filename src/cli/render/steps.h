// Long work as lines: one a step, with the seconds it took. On a terminal the step that runs is
// shown while it runs; elsewhere a line is written when its step has ended.
#pragma once

#include <chrono>
#include <string>

#include "base/message.h"

namespace cleave {

class Steps {
 public:
  enum class Stream : bool { Output, Error };
  // `silent` prints nothing (with --json).
  Steps(Stream stream, bool silent);
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;
  ~Steps();  // a step that did not end is shown as broken off

  // Ends the step before and starts the next. `doing`: "boot the virtual laptop".
  void begin(const Message& doing);
  // Ends the step; `outcome` replaces what is shown, if it is not empty.
  void end(const Message& outcome = {});

 private:
  void print_line(const std::string& text, bool finished) const;
  std::FILE* stream_;
  bool silent_;
  bool terminal_;
  bool open_ = false;
  std::string text_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace cleave
