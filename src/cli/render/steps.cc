#include "cli/render/steps.h"

#include <unistd.h>

#include <cstdio>

#include "base/format.h"
#include "cli/render/translate.h"

namespace cleave {

Steps::Steps(Stream stream, bool silent)
    : stream_(stream == Stream::Output ? stdout : stderr),
      silent_(silent),
      terminal_(::isatty(::fileno(stream_)) == 1) {}

Steps::~Steps() {
  if (open_) print_line(text_ + " ✗", true);
}

void Steps::begin(const Message& doing) {
  end();
  text_ = translate(doing);
  start_ = std::chrono::steady_clock::now();
  open_ = true;
  if (terminal_) print_line(text_ + " …", false);
}

void Steps::end(const Message& outcome) {
  if (!open_) return;
  open_ = false;
  print_line(outcome.empty() ? text_ : translate(outcome), true);
}

void Steps::print_line(const std::string& text, bool finished) const {
  if (silent_) return;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  // The unfinished line is overwritten: carriage return, erase to the end (ECMA-48, EL).
  const std::string start = terminal_ ? "\r\x1b[K" : "";
  const std::string time = finished ? format("{:6.1f} s", elapsed.count()) : std::string(8, ' ');
  const std::string line = format("{}{}  {}{}", start, time, text, finished ? "\n" : "");
  std::fwrite(line.data(), 1, line.size(), stream_);
  std::fflush(stream_);
}

}  // namespace cleave
