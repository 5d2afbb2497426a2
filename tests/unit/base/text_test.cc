#include "base/text.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

using Views = std::vector<std::string_view>;

TEST(Text, TrimTakesAllKindsOfBlanks) {
  EXPECT_EQ(trim(" \t\r\n a b \f\v\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, SplitKeepsEmptyPieces) {
  EXPECT_EQ(split("a,,b,", ','), (Views{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), (Views{""}));
}

TEST(Text, LinesNeedNoLastNewline) {
  EXPECT_EQ(lines("a\r\nb\n\nc"), (Views{"a", "b", "", "c"}));
  EXPECT_EQ(lines("a\n"), (Views{"a"}));
  EXPECT_TRUE(lines("").empty());
  EXPECT_EQ(lines("\n"), (Views{""}));
}

TEST(Text, WordsSkipRunsOfBlanks) {
  EXPECT_EQ(words("  a \t b  "), (Views{"a", "b"}));
  EXPECT_TRUE(words(" \t").empty());
}

TEST(Text, JoinPutsSeparatorsBetween) {
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(join({"a", "a"}, ","), "a,a");  // equal parts are still two
  EXPECT_EQ(join({}, ","), "");
}

TEST(Text, LowerCaseLeavesOtherBytesAlone) {
  EXPECT_EQ(lower_case("AZaz[@\xC3\x84"), "azaz[@\xC3\x84");
}

TEST(Text, ReplaceAllDoesNotLookAtWhatItPutIn) {
  EXPECT_EQ(replace_all("aXbX", "X", "XX"), "aXXbXX");
  EXPECT_EQ(replace_all("abc", "", "x"), "abc");
  EXPECT_EQ(replace_all("aaa", "aa", "b"), "ba");
}

TEST(Text, EditDistanceCountsEdits) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("same", "same"), 0U);
}

TEST(Text, NearestFindsTypingMistakesOnly) {
  const std::vector<std::string> commands = {"doctor", "setup", "vgpu"};
  EXPECT_EQ(nearest("docter", commands), "doctor");
  EXPECT_EQ(nearest("stup", commands), "setup");
  EXPECT_FALSE(nearest("explain", commands));
  EXPECT_FALSE(nearest("x", {}));
}

TEST(Text, NumbersAreWholeOrNothing) {
  EXPECT_EQ(parse_unsigned<std::uint32_t>("4294967295"), 4294967295U);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1x", "0x1", "4294967296", "1.0"}) {
    EXPECT_FALSE(parse_unsigned<std::uint32_t>(text)) << text;
  }
  EXPECT_EQ(parse_unsigned<std::uint8_t>("377", 8), 255);
}

TEST(Text, HexadecimalMayHaveAPrefix) {
  EXPECT_EQ(parse_hexadecimal<std::uint16_t>("0x9b41"), 0x9b41);
  EXPECT_EQ(parse_hexadecimal<std::uint16_t>("9B41"), 0x9b41);
  EXPECT_FALSE(parse_hexadecimal<std::uint16_t>("0x"));
  EXPECT_FALSE(parse_hexadecimal<std::uint16_t>("0x10000"));
  EXPECT_FALSE(parse_hexadecimal<std::uint16_t>("0x0x1"));
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

TEST(Text, PrintableKeepsGoodTextAndStopsTerminalTricks) {
  EXPECT_EQ(printable("한국어 é\n\t"), "한국어 é\n\t");
  EXPECT_EQ(printable("\x1B[31m"), std::string(kReplacement) + "[31m");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a" + std::string(kReplacement) + "b");
  EXPECT_EQ(printable("\x7F"), kReplacement);
}

// Unicode 15, table 3-7.
TEST(Text, PrintableRefusesIllFormedUtf8) {
  for (const char* bytes : {"\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                            "\xF0\x80\x80\xAF", "\xFF", "\x80", "\xE2\x82", "\xF8\x88\x80\x80"}) {
    EXPECT_TRUE(printable(bytes).starts_with(kReplacement));
  }
  EXPECT_EQ(printable("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
}

// C1 controls are well-formed UTF-8, but a terminal that obeys them starts an escape sequence.
TEST(Text, PrintableStopsControlsOfTheSecondSet) {
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            std::string(kReplacement) + "31m");
  EXPECT_EQ(printable("\xC2\xA0"), "\xC2\xA0");
}

}  // namespace
}  // namespace cleave
