#include "vm/key_names.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

using Keys = std::vector<std::string>;

TEST(KeyNames, CombinationsAndOtherNames) {
  EXPECT_EQ(*parse_key_combination("ctrl-alt-delete"), (Keys{"ctrl", "alt", "delete"}));
  EXPECT_EQ(*parse_key_combination("Ctrl-Alt-F2"), (Keys{"ctrl", "alt", "f2"}));
  EXPECT_EQ(*parse_key_combination("enter"), (Keys{"ret"}));
  EXPECT_EQ(*parse_key_combination("a"), (Keys{"a"}));
  EXPECT_EQ(*parse_key_combination("A"), (Keys{"shift", "a"}));
  EXPECT_EQ(*parse_key_combination("win-l"), (Keys{"meta_l", "l"}));
}

TEST(KeyNames, WhatIsNoKeyIsRefusedWithTheNearest) {
  const auto refused = parse_key_combination("ctrl-delte");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::Malformed);
  EXPECT_EQ(english(refused.error().message), "“delte” is no key");
  EXPECT_EQ(english(refused.error().remedy), "Did you mean “delete”?");
  for (const char* text : {"", "-", "a-", "-a", "f24", "ctrl--a", "\x1b"}) {
    EXPECT_FALSE(parse_key_combination(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_key_combination("a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q").has_value());
}

}  // namespace
}  // namespace cleave
