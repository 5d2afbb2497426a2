#include "install/serial_text.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

TEST(SerialText, TellsTheLastLineThatCanBeRead) {
  EXPECT_EQ(last_readable_line("one\r\ntwo\r\n\r\n"), "two");
  EXPECT_EQ(last_readable_line(""), "");
  EXPECT_EQ(last_readable_line("one\n\x1b[0m\x1b[K\n"), "one");
}

// As systemd 252 of Debian 12 prints them.
TEST(SerialText, LeavesColoursAndMovementsOfTheCursorOut) {
  EXPECT_EQ(last_readable_line("[\x1b[0;32m  OK  \x1b[0m] Reached target "
                               "\x1b[0;1;39mgetty.target\x1b[0m - Login Prompts.\r\n"),
            "[  OK  ] Reached target getty.target - Login Prompts.");
  EXPECT_EQ(last_readable_line("\x1bM\r\x1b[K[ \x1b[31m*\x1b[0m ] Job networkd running (21s)"),
            "[ * ] Job networkd running (21s)");
  EXPECT_EQ(last_readable_line("cut off\x1b[0;3"), "cut off");
  EXPECT_EQ(last_readable_line("cut off\x1b"), "cut off");
}

}  // namespace
}  // namespace cleave
