#include "facts/mdev.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

constexpr std::string_view kDescription =
    "low_gm_size: 128MB\nhigh_gm_size: 512MB\nfence: 4\nresolution: 1920x1200\nweight: 4\n";

TEST(GvtDescription, ReadsTheFiveLines) {
  const auto size = parse_gvt_description(kDescription);
  ASSERT_TRUE(size);
  EXPECT_EQ(*size, (GvtTypeSize{.low_gm_mb = 128,
                                .high_gm_mb = 512,
                                .fences = 4,
                                .width = 1920,
                                .height = 1200,
                                .weight = 4}));
}

TEST(GvtDescription, RefusesOtherDriversAndHalfTexts) {
  EXPECT_FALSE(parse_gvt_description("virtual display, 1920x1080 framebuffer"));
  EXPECT_FALSE(parse_gvt_description(
      "num_heads=4, frl_config=60, framebuffer=1024M, max_resolution=4096x2160, max_instance=8"));
  for (size_t length = 0; length + 2 < kDescription.size(); ++length) {
    EXPECT_FALSE(parse_gvt_description(kDescription.substr(0, length))) << length;
  }
}

TEST(GvtDescription, RefusesNumbersThatAreNone) {
  const std::string text(kDescription);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"128MB", "MB"},
                                                        {"128MB", "-1MB"},
                                                        {"128MB", "99999999999MB"},
                                                        {"128MB", "128GB"},
                                                        {"1920x1200", "1920"},
                                                        {"1920x1200", "1920x1200x8"},
                                                        {"fence: 4", "fence: "}}) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_FALSE(parse_gvt_description(changed)) << changed;
  }
}

TEST(Uuid, IsMadeLowerCase) {
  EXPECT_EQ(parse_uuid("1F3A9C5E-7b42-4D0F-8a61-c2e9d4b70f18"),
            "1f3a9c5e-7b42-4d0f-8a61-c2e9d4b70f18");
}

TEST(Uuid, RefusesWhatIsNone) {
  for (const char* text :
       {"", "1f3a9c5e7b424d0f8a61c2e9d4b70f18", "1f3a9c5e-7b42-4d0f-8a61-c2e9d4b70f1",
        "1f3a9c5e-7b42-4d0f-8a61", "1f3a9c5e-7b42-4d0f-8a61-c2e9d4b70f1g",
        "{1f3a9c5e-7b42-4d0f-8a61-c2e9d4b70f18}", "1f3a9c5e-7b42-4d0f-8a61-c2e9d4b70f18-",
        "../../etc/passwd"}) {
    EXPECT_FALSE(parse_uuid(text)) << text;
  }
}

}  // namespace
}  // namespace cleave
