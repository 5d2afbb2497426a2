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
