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

std::string environment(const std::string& variables) {
  std::string text = "# GRUB Environment Block\n" + variables;
  text.resize(1024, '#');
  return text;
}

TEST(OwnPart, AVariableOfGrubGoesIntoTheRoomThatThereIs) {
  const std::string before = environment("saved_entry=1\n");
  const auto with = with_grub_variable(before, "next_entry", "cleave-trial");
  ASSERT_TRUE(with);
  EXPECT_EQ(*with, environment("saved_entry=1\nnext_entry=cleave-trial\n"));
  EXPECT_EQ(without_grub_variables(*with, {"next_entry"}), before);
  // As full as it can be.
  const std::string full = "# GRUB Environment Block\nnext_entry=x\n";
  EXPECT_EQ(with_grub_variable(full, "next_entry", "y"),
            "# GRUB Environment Block\nnext_entry=y\n");
  EXPECT_FALSE(with_grub_variable(full, "next_entry", "yy"));
  // As GRUB leaves it once it has started the entry.
  const std::string cleared = environment("next_entry=\nsaved_entry=1\n");
  EXPECT_EQ(without_grub_variables(cleared, {"next_entry"}), before);
  EXPECT_EQ(with_grub_variable(cleared, "next_entry", "x"),
            environment("saved_entry=1\nnext_entry=x\n"));
}

TEST(OwnPart, WhatIsNoEnvironmentBlockIsLeftAlone) {
  EXPECT_FALSE(with_grub_variable("", "next_entry", "x"));
  EXPECT_FALSE(with_grub_variable("saved_entry=1\n", "next_entry", "x"));
  EXPECT_FALSE(with_grub_variable("# GRUB Environment Block\n##", "next_entry", "x"));
  // A line without its end, to which the next one would be added.
  EXPECT_FALSE(with_grub_variable(environment("saved_entry=1"), "next_entry", "x"));
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
