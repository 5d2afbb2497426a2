#include "base/message.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

TEST(Message, FieldsAreFilledByName) {
  EXPECT_EQ(english(Message("{b} of {a}, {b}", {{"a", "x"}, {"b", 2}})), "2 of x, 2");
}

TEST(Message, AFieldWithoutValueStaysVisible) {
  EXPECT_EQ(fill_fields("{missing} {}", {{"a", "x"}}), "{missing} {}");
}

TEST(Message, ValuesAreNotLookedIntoForFields) {
  EXPECT_EQ(fill_fields("{a}{b}", {{"a", "{b}"}, {"b", "{a}"}}), "{b}{a}");
}

TEST(Message, AnOpenBraceIsOrdinaryText) {
  EXPECT_EQ(fill_fields("x {a", {{"a", "1"}}), "x {a");
  EXPECT_EQ(fill_fields("x }{a}", {{"a", "1"}}), "x }1");
}

}  // namespace
}  // namespace cleave
