#include "cli/render/translate.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

TEST(DisplayWidth, CountsKoreanAsTwoColumnsAndColourAsNone) {
  EXPECT_EQ(display_width("GPU"), 3U);
  EXPECT_EQ(display_width("가상"), 4U);
  EXPECT_EQ(display_width("…é"), 2U);
  EXPECT_EQ(display_width("\x1b[1mbold\x1b[0m"), 4U);
  EXPECT_EQ(display_width("\xff\xfe"), 2U);
  EXPECT_EQ(display_width("\x1b[1"), 0U);
}

TEST(Table, AlignsColumnsOfBothLanguages) {
  EXPECT_EQ(table({{"형식", "남음"}, {"V5_4", "1"}, {"V5_8", "2"}}),
            "형식  남음\n"
            "V5_4  1\n"
            "V5_8  2\n");
}

TEST(Table, LeavesNoBlanksAtLineEnds) {
  EXPECT_EQ(table({{"a", "long cell", ""}, {"b", "c", ""}}),
            "a  long cell\n"
            "b  c\n");
}

TEST(Wrap, BreaksAtBlanksAndIndentsWhatFollows) {
  EXPECT_EQ(wrap("  one two three four", 11, 2),
            "  one two\n"
            "  three\n"
            "  four");
  EXPECT_EQ(wrap("", 10), "");
  EXPECT_EQ(wrap("averylongwordwithoutblanks", 5), "averylongwordwithoutblanks");
}

TEST(TranslateError, TellsWhatTheSystemAnsweredAndWhatToDo) {
  Error error = system_error(28, Message(N_("Could not write {path}"), {{"path", "/x"}}), "/x");
  error.context.emplace_back("while saving the picture");
  error.remedy = Message("Make room.");
  EXPECT_EQ(translate(error),
            "cleave: Could not write /x: No space left on device\n"
            "  while saving the picture\n"
            "  → Make room.\n");
}

}  // namespace
}  // namespace cleave
