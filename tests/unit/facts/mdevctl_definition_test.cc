// Mediated devices that mdevctl keeps.
#include "facts/mdevctl_definition.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

constexpr const char* kUuid = "2AEE154E-7d0d-11e8-88b8-6f45320c7162";

MdevDefinition parse(std::string_view text, std::string_view name = kUuid) {
  return parse_mdevctl_definition("0000:00:02.0", name, text);
}

TEST(MdevctlDefinition, AsMdevctlWritesIt) {
  const MdevDefinition definition =
      parse("{\n  \"mdev_type\": \"i915-GVTg_V5_4\",\n  \"start\": \"auto\",\n  \"attrs\": []\n}");
  EXPECT_EQ(definition.parent, "0000:00:02.0");
  EXPECT_EQ(definition.uuid, "2aee154e-7d0d-11e8-88b8-6f45320c7162");
  EXPECT_EQ(definition.type, "i915-GVTg_V5_4");
  EXPECT_TRUE(definition.starts_by_itself);
  EXPECT_EQ(definition.problem, "");
  EXPECT_FALSE(parse(R"({"mdev_type":"x","start":"manual"})").starts_by_itself);
}

TEST(MdevctlDefinition, IsWrittenAsMdevctlWritesIt) {
  const std::string text =
      "{\n  \"mdev_type\": \"i915-GVTg_V5_4\",\n  \"start\": \"auto\",\n"
      "  \"attrs\": [\n    {\n      \"foo\": \"1\"\n    }\n  ]\n}";
  const MdevDefinition definition = parse(text);
  ASSERT_EQ(definition.attributes.size(), 1U);
  EXPECT_EQ(definition.attributes[0], (MdevAttribute{"foo", "1"}));
  EXPECT_EQ(mdevctl_text(definition), text);
  const std::string plain =
      "{\n  \"mdev_type\": \"x\",\n  \"start\": \"manual\",\n  \"attrs\": []\n}";
  EXPECT_EQ(mdevctl_text(parse(plain)), plain);
}

TEST(MdevctlDefinition, AnAttributeStaysBelowItsDevice) {
  for (const char* attributes :
       {R"([{"../../remove":"1"}])", R"([{"/etc/passwd":"1"}])", R"([{"":"1"}])", R"([{"a":1}])",
        R"([{"a":"1","b":"2"}])", R"(["a"])", R"({"a":"1"})"}) {
    const std::string text = std::string(R"({"mdev_type":"x","attrs":)") + attributes + "}";
    EXPECT_EQ(parse(text).problem, "attrs is no list of attributes") << text;
  }
  EXPECT_EQ(parse(R"({"mdev_type":"x","attrs":[{"a/b":"1"}]})").problem, "");
}

TEST(MdevctlDefinition, WhatCannotBeUnderstoodSaysSo) {
  EXPECT_EQ(parse("").problem, "no JSON object");
  EXPECT_EQ(parse("[]").problem, "no JSON object");
  EXPECT_EQ(parse("\xFF\x00").problem, "no JSON object");
  EXPECT_EQ(parse("{}").problem, "no mdev_type");
  EXPECT_EQ(parse(R"({"mdev_type":7})").problem, "no mdev_type");
  EXPECT_EQ(parse(R"({"mdev_type":"x"})", "backup").problem, "its name is no UUID");
  EXPECT_EQ(parse(std::string(1U << 20U, '[')).problem, "no JSON object");
}

}  // namespace
}  // namespace cleave
