#include "plan/plan.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

Plan plan_of(std::vector<Effect> effects) {
  Plan plan;
  plan.purpose = Message("test");
  for (Effect& effect : effects) {
    Change change;
    change.effect = std::move(effect);
    plan.changes.push_back(std::move(change));
  }
  return plan;
}

WriteAttribute attribute(std::string path, std::string value, std::string done_path = "") {
  WriteAttribute effect;
  effect.path = std::move(path);
  effect.value = std::move(value);
  effect.done_path = std::move(done_path);
  return effect;
}

TEST(Conflicts, AreFoundPerPlace) {
  EXPECT_EQ(
      conflicts(plan_of({WriteFile{"/a", "1", 0644, ""}, WriteFile{"/a", "2", 0644, ""}})).size(),
      1U);
  EXPECT_EQ(conflicts(plan_of({WriteFile{"/a", "1", 0644, ""}, RemoveFile{"/a", ""}})).size(), 1U);
  EXPECT_EQ(conflicts(plan_of({attribute("/n", "1"), attribute("/n", "2")})).size(), 1U);
  EXPECT_EQ(
      conflicts(plan_of({ChangeOwner{"/a", "", 1, 1, 0}, ChangeOwner{"/a", "", 2, 1, 0}})).size(),
      1U);
}

TEST(Conflicts, AreNotSeenWhereNoneAre) {
  EXPECT_TRUE(conflicts(Plan()).empty());
  EXPECT_TRUE(
      conflicts(plan_of({WriteFile{"/a", "1", 0644, ""}, WriteFile{"/a", "1", 0644, ""}})).empty());
  // Two devices from one `create`.
  EXPECT_TRUE(conflicts(plan_of({attribute("/create", "A", "/devices/A"),
                                 attribute("/create", "B", "/devices/B")}))
                  .empty());
  // A file and its owner.
  EXPECT_TRUE(
      conflicts(plan_of({WriteFile{"/a", "1", 0644, ""}, ChangeOwner{"/a", "", 1, 1, 0}})).empty());
  // Two nodes of /dev/vfio, named by different devices.
  EXPECT_TRUE(conflicts(plan_of({ChangeOwner{"/dev/vfio", "/A/iommu_group", 1, 1, 0},
                                 ChangeOwner{"/dev/vfio", "/B/iommu_group", 2, 2, 0}}))
                  .empty());
}

TEST(EffectText, IsOneLineOfWhatHappens) {
  EXPECT_EQ(effect_text(attribute("/sys/create", "UUID")), "write UUID to /sys/create");
  EXPECT_EQ(effect_text(RunCommand{{"update-grub"}, {}, 300}), "update-grub");
  EXPECT_EQ(effect_text(ChangeOwner{"/dev/vfio", "/sys/d/iommu_group", 1000, 1000, 0}),
            "chown 1000:1000 /dev/vfio/N (N: /sys/d/iommu_group)");
}

TEST(EffectText, ShowsNoControlCharactersToATerminal) {
  EXPECT_EQ(effect_text(RemoveFile{"/a\x1b[2J", ""}).find('\x1b'), std::string::npos);
}

TEST(UndoText, IsEmptyWhereNothingIsUndone) {
  EXPECT_EQ(undo_text(attribute("/sys/create", "UUID")), "");
  EXPECT_EQ(undo_text(RunCommand{{"true"}, {}, 300}), "");
  WriteAttribute create = attribute("/sys/create", "UUID");
  create.undo_path = "/sys/UUID/remove";
  create.undo_value = "1";
  EXPECT_EQ(undo_text(create), "write 1 to /sys/UUID/remove");
}

TEST(Plan, SurvivesJson) {
  Plan plan = plan_of({RemoveFile{"/a", ""}, attribute("/n", "1")});
  plan.purpose = Message("Do {thing}", {{"thing", "this"}});
  const auto again = plan_from_json(to_json(plan));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, plan);
}

TEST(Plan, IsBounded) {
  Plan plan = plan_of(std::vector<Effect>(257, RemoveFile{"/a", ""}));
  EXPECT_FALSE(plan_from_json(to_json(plan)));
}

}  // namespace
}  // namespace cleave
