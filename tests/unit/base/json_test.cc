#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace cleave {
namespace {

TEST(Json, KeepsTheOrderOfKeys) {
  const auto value = parse_json(R"({"z":1,"a":{"y":[],"b":{}}})");
  ASSERT_TRUE(value);
  EXPECT_EQ(to_text(*value), R"({"z":1,"a":{"y":[],"b":{}}})");
}

TEST(Json, KeepsLargeIntegersWhole) {
  const auto value = parse_json("[18446744073709551615,-9223372036854775808,1.5]");
  ASSERT_TRUE(value);
  const auto& items = *value->as_array();
  EXPECT_EQ(items[0].as_unsigned(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(items[0].as_integer());
  EXPECT_EQ(items[1].as_integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(items[1].as_unsigned());
  EXPECT_EQ(items[2].as_number(), 1.5);
  EXPECT_FALSE(items[2].as_integer());
  EXPECT_EQ(to_text(*value), "[18446744073709551615,-9223372036854775808,1.5]");
}

TEST(Json, EqualNumbersAreEqualHoweverTheyWereMade) {
  EXPECT_EQ(*parse_json("7"), Json(7));
  EXPECT_EQ(*parse_json("7"), Json(7U));
  EXPECT_EQ(*parse_json("-7"), Json(-7));
}

TEST(Json, BooleansAndTextsAreNotMixedUp) {
  EXPECT_NE(Json("x").as_string(), nullptr);  // and no pointer turned into true
  EXPECT_EQ(to_text(Json("x")), "\"x\"");
  EXPECT_EQ(to_text(Json(true)), "true");
  EXPECT_EQ(Json(true).as_unsigned(), std::nullopt);
}

TEST(Json, SetReplacesAndAppends) {
  Json value;
  value.set("a", 1);
  value.set("b", "x");
  value.set("a", 2);
  EXPECT_EQ(to_text(value), R"({"a":2,"b":"x"})");
  EXPECT_EQ(value.text_of("b"), "x");
  EXPECT_EQ(value.text_of("a"), "");
  EXPECT_EQ(value.text_of("c"), "");
  Json list;
  list.push_back(1);
  list.push_back(Json::object());
  EXPECT_EQ(to_text(list), "[1,{}]");
}

TEST(Json, BytesThatAreNoTextAreReplacedInOutput) {
  EXPECT_EQ(to_text(Json(std::string("a\xFF\x1B"))), "\"a\xEF\xBF\xBD\\u001b\"");
}

TEST(Json, IndentedOutputIsStable) {
  EXPECT_EQ(to_text(*parse_json(R"({"a":[1]})"), 2), "{\n  \"a\": [\n    1\n  ]\n}");
}

TEST(Json, RefusesWhatTheStandardRefuses) {
  for (const char* text :
       {"",       " ",       "{",   "[1,]",  "{\"a\":1,}", "{'a':1}",     "{a:1}",
        "01",     "+1",      ".5",  "NaN",   "Infinity",   "1 2",         "// c\n1",
        "\"\n\"", "\"\\x\"", "nul", "1e999", "\"\xFF\"",   "\"\\ud800\"", "[1]]"}) {
    const auto value = parse_json(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, ErrorCode::Malformed) << text;
  }
}

TEST(Json, AnErrorTellsLineAndColumn) {
  const auto value = parse_json("{\n  \"a\": x\n}");
  ASSERT_FALSE(value);
  EXPECT_TRUE(english(value.error()).find("line 2, column 8") != std::string::npos)
      << english(value.error());
}

TEST(Json, DepthIsLimited) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(64)));
  EXPECT_FALSE(parse_json(nested(65)));
  // A bomb of a million levels is refused at once and never destroyed recursively.
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(parse_json(objects));
}

}  // namespace
}  // namespace cleave
