#include "install/serial_text.h"

#include <gtest/gtest.h>

#include "base/format.h"

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

// As cloud-init 22.4 of Debian 12 says it, by itself and through the kernel's console.
TEST(SerialText, KnowsWhatCloudInitComplainsOf) {
  const std::string failed =
      "2026-11-27 03:09:43,120 - util.py[WARNING]: Running module locale (<module>) failed\r\n";
  EXPECT_EQ(cloud_init_complaints("Get:1 http://mirror.example/debian\r\n" + failed +
                                  "[  126.1] cloud-init[753]: " + failed + failed),
            std::vector<std::string>{"Running module locale (<module>) failed"});
  EXPECT_TRUE(cloud_init_complaints("2026-11-27 03:09:43,120 - util.py[DEBUG]: all well\n"
                                    "2026-11-27 03:09:43,120 - no level\n"
                                    "my.py[WARNING]: of another program\n2026-\n")
                  .empty());
  std::string many;
  for (int i = 0; i < 20; ++i) many += format("2026-11-27 03:09:43,120 - a.py[ERROR]: {}\n", i);
  EXPECT_EQ(cloud_init_complaints(many).size(), 8U);
}

}  // namespace
}  // namespace cleave
