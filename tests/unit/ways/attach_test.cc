// Creating and removing vGPUs as plans, and the refusals.
#include <gtest/gtest.h>

#include "facts/readers/read_facts.h"
#include "support/machine.h"
#include "ways/way.h"

namespace cleave {
namespace {

constexpr const char* kUuid = "2f5e7a0c-3b1d-4c8e-9f6a-0d1e2c3b4a59";

const Way& gvt_g() { return *find_way("gvt-g"); }

Facts machine(const char* name) { return read_facts(testing::load_machine(name)); }

TEST(Attach, CreatesTheDeviceWithItsUndoAndGuard) {
  const auto plan =
      gvt_g().attach(machine("comet-lake-ready"), {kUuid, "0000:00:02.0", "i915-GVTg_V5_4"});
  ASSERT_TRUE(plan.has_value()) << english(plan.error());
  ASSERT_EQ(plan->changes.size(), 1U);
  const auto& write = std::get<WriteAttribute>(plan->changes.front().effect);
  EXPECT_TRUE(write.path.ends_with("/0000:00:02.0/mdev_supported_types/i915-GVTg_V5_4/create"));
  const std::string device = std::string("/sys/bus/mdev/devices/") + kUuid;
  EXPECT_EQ(write.value, kUuid);
  EXPECT_EQ(write.undo_path, device + "/remove");
  EXPECT_EQ(write.undo_value, "1");
  EXPECT_EQ(write.done_path, device);
  EXPECT_EQ(write.undo_guard_path, device + "/mdev_type");
  EXPECT_EQ(write.undo_guard, "/0000:00:02.0/mdev_supported_types/i915-GVTg_V5_4");
  EXPECT_TRUE(plan->needs_root());
}

TEST(Attach, RefusalTellsMegabytes) {
  const auto plan = gvt_g().attach(machine("comet-lake-one-v5-4-used"),
                                   {kUuid, "0000:00:02.0", "i915-GVTg_V5_8"});
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, ErrorCode::Busy);
  EXPECT_NE(english(plan.error()).find("0 MB of 256 MB are left"), std::string::npos);
}

TEST(Attach, ExistingDeviceIsDoneOrAConflict) {
  const Facts facts = machine("comet-lake-one-v5-4-used");
  const MediatedDevice& device = facts.mediated_devices.value()->front();
  const auto same = gvt_g().attach(facts, {device.uuid, device.parent, device.type_id});
  ASSERT_TRUE(same.has_value());
  EXPECT_TRUE(same->empty());
  const auto other = gvt_g().attach(facts, {device.uuid, device.parent, "i915-GVTg_V5_8"});
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, ErrorCode::Conflict);
  EXPECT_NE(english(other.error()).find(device.type_id), std::string::npos);
}

TEST(Attach, NamesWhatWasProbablyMeant) {
  const Facts facts = machine("comet-lake-ready");
  const auto type = gvt_g().attach(facts, {kUuid, "0000:00:02.0", "i915-GVTg_V5_5"});
  ASSERT_FALSE(type.has_value());
  EXPECT_EQ(type.error().code, ErrorCode::NotFound);
  EXPECT_NE(english(type.error().remedy).find("i915-GVTg_V5_"), std::string::npos);
  const auto parent = gvt_g().attach(facts, {kUuid, "0000:00:03.0", "i915-GVTg_V5_4"});
  ASSERT_FALSE(parent.has_value());
  EXPECT_NE(english(parent.error().remedy).find("0000:00:02.0"), std::string::npos);
  EXPECT_EQ(gvt_g().attach(facts, {"x", "0000:00:02.0", "i915-GVTg_V5_4"}).error().code,
            ErrorCode::Malformed);
}

TEST(Attach, UnregisteredGpuTellsTheRemedyOfTheFindings) {
  const auto plan =
      gvt_g().attach(machine("comet-lake-plain"), {kUuid, "0000:00:02.0", "i915-GVTg_V5_4"});
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, ErrorCode::NotFound);
  EXPECT_NE(english(plan.error().remedy).find("i915.enable_gvt=1"), std::string::npos);
}

TEST(Attach, ClosedSysfsIsNotAnEmptyOne) {
  Facts facts = machine("comet-lake-ready");
  facts.mediated_devices = Unreadable{"/sys/bus/mdev/devices", "Permission denied"};
  const auto plan = gvt_g().attach(facts, {kUuid, "0000:00:02.0", "i915-GVTg_V5_4"});
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, ErrorCode::Denied);
}

Facts used_machine(std::vector<DeviceUser> users, bool complete) {
  Facts facts = machine("comet-lake-one-v5-4-used");
  auto devices = *facts.mediated_devices.value();
  devices.front().users = std::move(users);
  devices.front().users_complete = complete;
  facts.mediated_devices = {std::move(devices), facts.mediated_devices.source()};
  return facts;
}

TEST(Detach, RefusesWhileAProcessUsesIt) {
  const Facts facts = used_machine({{4711, "qemu-system-x86"}}, true);
  const auto plan = gvt_g().detach(facts, facts.mediated_devices.value()->front().uuid);
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, ErrorCode::Busy);
  EXPECT_NE(english(plan.error()).find("4711 (qemu-system-x86)"), std::string::npos);
}

TEST(Detach, RemovesAndSaysWhatItCouldNotSee) {
  const Facts facts = used_machine({}, false);
  const MediatedDevice& device = facts.mediated_devices.value()->front();
  const auto plan = gvt_g().detach(facts, device.uuid);
  ASSERT_TRUE(plan.has_value()) << english(plan.error());
  const Change& change = plan->changes.front();
  const auto& write = std::get<WriteAttribute>(change.effect);
  EXPECT_EQ(write.path, device.sysfs_path + "/remove");
  EXPECT_TRUE(write.undo_path.ends_with(device.type_id + "/create"));
  EXPECT_EQ(write.undo_value, device.uuid);
  EXPECT_NE(english(change.reason).find("not all processes"), std::string::npos);
  EXPECT_EQ(gvt_g().detach(facts, kUuid).error().code, ErrorCode::NotFound);
}

TEST(GuestDevice, FollowsTheDriversDisplay) {
  const std::string path = std::string("/sys/bus/mdev/devices/") + kUuid;
  const Way& mdev = *find_way("mdev");
  const GuestDevice gvt = gvt_g().guest_device({path, "i915-GVTg_V5_4", true, true});
  EXPECT_EQ(gvt.devices.front(), "vfio-pci,sysfsdev=" + path + ",display=on,x-igd-opregion=on");
  EXPECT_TRUE(gvt.needs_opengl);
  const GuestDevice blind = gvt_g().guest_device({path, "i915-GVTg_V5_4", false, true});
  EXPECT_EQ(blind.devices.front(), "vfio-pci,sysfsdev=" + path + ",display=off,x-igd-opregion=on");
  EXPECT_FALSE(blind.needs_opengl);
  const GuestDevice without = gvt_g().guest_device({.sysfs_path = path,
                                                    .type_id = "i915-GVTg_V5_4",
                                                    .opregion_by_default = true,
                                                    .rom = "/roms/a,b.rom"});
  EXPECT_EQ(without.devices.front(),
            "vfio-pci,sysfsdev=" + path + ",display=on,x-igd-opregion=off,romfile=/roms/a,,b.rom");
  EXPECT_TRUE(mdev.guest_device({path, "mbochs-small", true, false}).needs_opengl);
  EXPECT_FALSE(mdev.guest_device({path, "mdpy-hd", true, false}).needs_opengl);
  EXPECT_EQ(mdev.guest_device({path, "mtty-1", true, false}).devices.front(),
            "vfio-pci,sysfsdev=" + path + ",display=off");
}

TEST(WayForParent, GvtGpusAndEverythingElse) {
  const Facts laptop = machine("comet-lake-ready");
  EXPECT_STREQ(way_for_parent(laptop, laptop.mdev_parents.value()->front()).id(), "gvt-g");
  const Facts samples = machine("mtty-mdpy-mbochs");
  for (const MdevParent& parent : *samples.mdev_parents.value()) {
    EXPECT_STREQ(way_for_parent(samples, parent).id(), "mdev");
  }
}

}  // namespace
}  // namespace cleave
