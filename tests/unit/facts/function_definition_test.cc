#include "facts/function_definition.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

constexpr const char* kName = "0000:03:00.0.json";

TEST(FunctionDefinition, SurvivesItsFile) {
  const FunctionDefinition definition{
      .device = *parse_pci_address("0000:03:00.0"),
      .count = 4,
      .starts_by_itself = true,
      .attributes = {{"sriov_admin/vf1/profile/exec_quantum_ms", "20"},
                     {"sriov_admin/.bulk_profile/sched_priority", "low"}}};
  EXPECT_EQ(path_of(definition), "/etc/cleave/functions/0000:03:00.0.json");
  const auto again = parse_function_definition(kName, to_file_text(definition));
  ASSERT_TRUE(again) << english(again.error());
  EXPECT_EQ(*again, definition);
}

TEST(FunctionDefinition, WhatIsWrongIsSaid) {
  const auto refuses = [](const char* name, const char* text) {
    const auto parsed = parse_function_definition(name, text);
    return !parsed && parsed.error().code == ErrorCode::Malformed && !parsed.error().path.empty();
  };
  EXPECT_TRUE(refuses("nvme.json", R"({"functions":1,"start":"auto"})"));
  EXPECT_TRUE(refuses("0000:03:00.0", R"({"functions":1,"start":"auto"})"));
  for (const char* text :
       {"", "[]", "{}", R"({"functions":0,"start":"auto"})",
        R"({"functions":65536,"start":"auto"})", R"({"functions":-1,"start":"auto"})",
        R"({"functions":1,"start":"maybe"})", R"({"functions":1,"start":"auto","attributes":{}})",
        R"({"functions":1,"start":"auto","attributes":[["a"]]})",
        R"({"functions":1,"start":"auto","attributes":[["remove","1"]]})",
        R"({"functions":1,"start":"auto","attributes":[["drm/../remove","1"]]})"}) {
    EXPECT_TRUE(refuses(kName, text)) << text;
  }
}

TEST(FunctionDefinition, AttributesStayBelowTheDeviceAndAreTheDriversOwn) {
  EXPECT_TRUE(is_function_attribute("sriov_admin/vf2/profile/preempt_timeout_us"));
  EXPECT_TRUE(is_function_attribute("drm/card0/prelim_iov/vf1/exec_quantum_ms"));
  for (const char* name :
       {"", "sriov_numvfs", "driver_override", "remove", "/etc/passwd", "../0000:00:00.0/remove",
        "sriov_admin/../remove", "sriov_admin", "driver/unbind", "drm/card0/device/remove",
        "sriov_admin//x", "sriov_admin/a\nb", "physfn/remove"}) {
    EXPECT_FALSE(is_function_attribute(name)) << name;
  }
}

}  // namespace
}  // namespace cleave
