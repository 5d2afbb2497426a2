#include "plan/own_part.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

TEST(OwnPart, ABlockGoesToTheEndAndComesOutWithoutATrace) {
  for (const char* text : {"", "A=1\n", "A=1", "\n", "A=1\r\nB=2\r\n", "A=1\\\n", "A\n\n\n"}) {
    const std::string with = with_block(text, "B=\"$B x\"\n");
    EXPECT_TRUE(with.starts_with(text));
    EXPECT_EQ(block_of(with), "B=\"$B x\"\n");
    EXPECT_EQ(without_block(with), text);
    // A second block takes the place of the first.
    const std::string again = with_block(with, "C=1\n");
    EXPECT_EQ(block_of(again), "C=1\n");
    EXPECT_EQ(without_block(again), text);
  }
}

TEST(OwnPart, WhatOthersWroteAroundTheBlockStays) {
  const std::string text = "before\n" + with_block("A=1\n", "B=2\n") + "after";
  EXPECT_EQ(without_block(text), "before\nA=1\nafter");
}

TEST(OwnPart, ABlockThatIsNotWholeIsNone) {
  EXPECT_FALSE(block_of("A=1\n"));
  EXPECT_FALSE(without_block(std::string(kBlockBegin) + "\nA=1\n"));
  EXPECT_FALSE(without_block(std::string(kBlockEnd) + "\n" + std::string(kBlockBegin)));
  EXPECT_FALSE(without_block(""));
}

TEST(OwnPart, WordsAreTakenOutWhole) {
  const std::vector<std::string> words = {"i915.enable_gvt=1"};
  EXPECT_EQ(without_words("ro quiet i915.enable_gvt=1\n", words), "ro quiet\n");
  EXPECT_EQ(without_words("i915.enable_gvt=1 ro\n", words), "ro\n");
  EXPECT_EQ(without_words("A=\"i915.enable_gvt=1\"", words), "A=\"\"");
  EXPECT_EQ(without_words("a i915.enable_gvt=1 i915.enable_gvt=1", words), "a");
  EXPECT_FALSE(without_words("i915.enable_gvt=10 xi915.enable_gvt=1", words));
  EXPECT_FALSE(without_words("# i915.enable_gvt=1\n", words));
  EXPECT_FALSE(without_words("", words));
  EXPECT_FALSE(without_words("a", {"", "b"}));
}

}  // namespace
}  // namespace cleave
