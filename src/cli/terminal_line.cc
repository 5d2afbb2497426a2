#include "cli/terminal_line.h"

#include <termios.h>
#include <unistd.h>

#include <cstdio>

#include "cli/render/translate.h"

namespace cleave {
namespace {

// A line from the terminal, which does not show it.
class HiddenInput {
 public:
  HiddenInput() {
    known_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (known_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;
  ~HiddenInput() {
    if (known_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool known_ = false;
};

}  // namespace

std::string read_line() {
  std::string line;
  for (int letter = std::getchar(); letter != '\n' && letter != EOF; letter = std::getchar()) {
    if (line.size() < kLongestLine) line += static_cast<char>(letter);
  }
  return line;
}

std::string ask_hidden(const Message& question) {
  std::fputs(translate(question).c_str(), stdout);
  std::fflush(stdout);
  std::string line;
  {
    const HiddenInput hidden;
    line = read_line();
  }
  std::fputs("\n", stdout);
  return line;
}

}  // namespace cleave
