#include "analysis/device_safety.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cleave {
namespace {

constexpr PciAddress kPort{0, 0, 0x1d, 0};
constexpr PciAddress kGpu{0, 0, 2, 0};
constexpr PciAddress kOtherGpu{0, 1, 0, 0};
constexpr PciAddress kUsb{0, 0, 0x14, 0};
constexpr PciAddress kOtherUsb{0, 6, 0, 0};
constexpr PciAddress kDisk{0, 3, 0, 0};
constexpr PciAddress kOtherDisk{0, 4, 0, 0};
constexpr PciAddress kWired{0, 0, 0x1f, 6};
constexpr PciAddress kWireless{0, 0, 0x14, 3};
constexpr PciAddress kSound{0, 0, 0x1f, 3};

PciDevice device(const PciAddress& address, std::uint32_t class_code) {
  PciDevice made;
  made.address = address;
  made.class_code = class_code;
  made.driver = {Absent{}, "driver"};
  made.boot_display = {Absent{}, "boot_vga"};
  return made;
}

class DeviceSafetyTest : public ::testing::Test {
 protected:
  DeviceSafetyTest() {
    devices_ = {device(kGpu, 0x030000),      device(kUsb, 0x0C0330),   device(kWireless, 0x028000),
                device(kPort, 0x060400),     device(kSound, 0x040300), device(kWired, 0x020000),
                device(kOtherGpu, 0x030200), device(kDisk, 0x010802),  device(kOtherDisk, 0x010802),
                device(kOtherUsb, 0x0C0330)};
    facts_.drm_cards = {std::vector<DrmCard>(), "/sys/class/drm"};
    facts_.host_uses = {.disks = {std::vector<DiskUse>(), "mountinfo"},
                        .networks = {std::vector<NetworkUse>(), "net"},
                        .keyboards = {std::vector<Keyboard>(), "input"},
                        .sounds = {std::vector<SoundUse>(), "sound"}};
  }

  DeviceSafetyReport report(const PciAddress& address) {
    facts_.pci_devices = {devices_, "/sys/bus/pci/devices"};
    const auto& all = *facts_.pci_devices.value();
    return device_safety(facts_, *std::ranges::find(all, address, &PciDevice::address));
  }
  DeviceSafety safety(const PciAddress& address) { return report(address).safety; }
  std::string first_reason(const PciAddress& address) {
    const auto reasons = report(address).reasons;
    return reasons.empty() ? "" : english(reasons.front().text);
  }
  PciDevice& at(const PciAddress& address) {
    return *std::ranges::find(devices_, address, &PciDevice::address);
  }

  void set_disks(std::vector<DiskUse> uses) {
    facts_.host_uses.disks = {std::move(uses), "mountinfo"};
  }
  void set_networks(std::vector<NetworkUse> uses) {
    facts_.host_uses.networks = {std::move(uses), "net"};
  }
  void set_keyboards(std::vector<Keyboard> all) {
    facts_.host_uses.keyboards = {std::move(all), "input"};
  }
  void set_displays(std::vector<DrmCard> cards) {
    facts_.drm_cards = {std::move(cards), "/sys/class/drm"};
  }

  std::vector<PciDevice> devices_;
  Facts facts_;
};

DiskUse on(const PciAddress& address, const std::string& place,
           DiskUse::Kind kind = DiskUse::Kind::Mount) {
  return {.kind = kind,
          .place = place,
          .device = "nvme",
          .above = Fact<DevicesAbove>({kPort, address}, "block")};
}

TEST_F(DeviceSafetyTest, TheDiskOfTheRootIsEssentialAndTheOtherIsFree) {
  set_disks({on(kDisk, "/"), on(kDisk, "/home"), on(kDisk, "/srv"),
             on(kDisk, "dm-0", DiskUse::Kind::Held)});
  EXPECT_EQ(safety(kDisk), DeviceSafety::Essential);
  EXPECT_EQ(first_reason(kDisk), "The host itself runs from it: /, /home.");
  EXPECT_EQ(report(kDisk).reasons.size(), 2U);
  EXPECT_EQ(safety(kPort), DeviceSafety::Essential);
  EXPECT_EQ(safety(kOtherDisk), DeviceSafety::Free);
  EXPECT_TRUE(report(kOtherDisk).reasons.empty());
}

TEST_F(DeviceSafetyTest, SwapIsEssentialAndOtherMountsAreInUse) {
  set_disks({on(kDisk, "/dev/dm-2", DiskUse::Kind::Swap), on(kOtherDisk, "/srv/data")});
  EXPECT_EQ(safety(kDisk), DeviceSafety::Essential);
  EXPECT_EQ(safety(kOtherDisk), DeviceSafety::InUse);
  EXPECT_EQ(first_reason(kOtherDisk), "Mounted from it: /srv/data.");
}

TEST_F(DeviceSafetyTest, ADiskOfARaidThatIsNotMountedIsInUse) {
  set_disks({on(kOtherDisk, "md0", DiskUse::Kind::Held)});
  EXPECT_EQ(safety(kOtherDisk), DeviceSafety::InUse);
}

TEST_F(DeviceSafetyTest, ARootOnUnknownDisksMakesAllThatMayHaveDisksUnknown) {
  set_disks({{.kind = DiskUse::Kind::Mount,
              .place = "/",
              .device = "",
              .above = Unreadable{.path = "/", .why = "overlay does not tell its disks"}},
             on(kDisk, "/srv")});
  EXPECT_EQ(safety(kDisk), DeviceSafety::Unknown);
  EXPECT_EQ(report(kDisk).reasons.size(), 2U);
  EXPECT_EQ(first_reason(kDisk),
            "Whether the host uses it could not be read: /: overlay does not tell its disks");
  EXPECT_EQ(safety(kOtherDisk), DeviceSafety::Unknown);
  EXPECT_EQ(safety(kUsb), DeviceSafety::Unknown);
  EXPECT_EQ(safety(kSound), DeviceSafety::Free);
  EXPECT_EQ(safety(kWired), DeviceSafety::Free);
}

TEST_F(DeviceSafetyTest, TheCardWithTheDefaultRouteIsEssentialAndTheOtherIsFree) {
  set_networks(
      {{.interface = "eno1", .above = {kWired}, .has_link = false, .default_route = false},
       {.interface = "wlp0", .above = {kWireless}, .has_link = true, .default_route = true}});
  EXPECT_EQ(safety(kWireless), DeviceSafety::Essential);
  EXPECT_EQ(safety(kWired), DeviceSafety::Free);
}

TEST_F(DeviceSafetyTest, TheOnlyLinkIsEssentialAndOneOfTwoIsInUse) {
  set_networks(
      {{.interface = "eno1", .above = {kWired}, .has_link = true, .default_route = false}});
  EXPECT_EQ(safety(kWired), DeviceSafety::Essential);
  set_networks({{.interface = "eno1", .above = {kWired}, .has_link = true, .default_route = false},
                {.interface = "usb0", .above = {kUsb}, .has_link = true, .default_route = false}});
  EXPECT_EQ(safety(kWired), DeviceSafety::InUse);
  EXPECT_EQ(safety(kUsb), DeviceSafety::InUse);
}

TEST_F(DeviceSafetyTest, TheOnlyDisplayIsEssentialAndOneOfTwoIsInUse) {
  set_displays({{.name = "card0", .pci = kGpu, .render_node = "", .connected = {"eDP-1"}},
                {.name = "card1", .pci = kOtherGpu, .render_node = "", .connected = {}}});
  EXPECT_EQ(safety(kGpu), DeviceSafety::Essential);
  EXPECT_EQ(first_reason(kGpu), "The only display is connected to it: eDP-1.");
  EXPECT_EQ(safety(kOtherGpu), DeviceSafety::Free);
  set_displays({{.name = "card0", .pci = kGpu, .render_node = "", .connected = {"eDP-1"}},
                {.name = "card1", .pci = kOtherGpu, .render_node = "", .connected = {"DP-1"}}});
  EXPECT_EQ(safety(kGpu), DeviceSafety::InUse);
}

TEST_F(DeviceSafetyTest, TheConsoleOfTheFirmwareIsInUseUnlessAnotherGpuHasTheDisplay) {
  at(kGpu).boot_display = {true, "boot_vga"};
  EXPECT_EQ(safety(kGpu), DeviceSafety::InUse);
  set_displays({{.name = "card1", .pci = kOtherGpu, .render_node = "", .connected = {"DP-1"}}});
  EXPECT_EQ(safety(kGpu), DeviceSafety::Free);
}

TEST_F(DeviceSafetyTest, DisplaysThatCannotBeReadAreUnknown) {
  facts_.drm_cards = Unreadable{.path = "/sys/class/drm", .why = "not captured"};
  EXPECT_EQ(safety(kGpu), DeviceSafety::Unknown);
  EXPECT_EQ(safety(kSound), DeviceSafety::Free);
}

TEST_F(DeviceSafetyTest, TheOnlyKeyboardIsEssentialUnlessThereIsAnotherOnPs2) {
  const Keyboard usb{.name = "USB Keyboard", .above = {kUsb}};
  set_keyboards({usb});
  EXPECT_EQ(safety(kUsb), DeviceSafety::Essential);
  EXPECT_EQ(safety(kOtherUsb), DeviceSafety::Free);
  set_keyboards({{.name = "AT keyboard", .above = {}}, usb});
  EXPECT_EQ(safety(kUsb), DeviceSafety::InUse);
  set_keyboards({{.name = "Other", .above = {kOtherUsb}}, usb});
  EXPECT_EQ(safety(kUsb), DeviceSafety::InUse);
}

TEST_F(DeviceSafetyTest, AMachineThatNeverToldIsUnknownWhereItMatters) {
  const Unreadable not_captured{.path = "/proc/self/mountinfo", .why = "not captured"};
  facts_.host_uses = {.disks = not_captured,
                      .networks = not_captured,
                      .keyboards = not_captured,
                      .sounds = not_captured};
  for (const PciAddress& address : {kDisk, kUsb, kWired, kWireless, kSound}) {
    EXPECT_EQ(safety(address), DeviceSafety::Unknown) << to_text(address);
  }
  EXPECT_EQ(safety(kOtherGpu), DeviceSafety::Free);
}

TEST_F(DeviceSafetyTest, WhatNobodyLookedForIsUnknownToo) {
  facts_.host_uses = {};
  facts_.drm_cards = {};
  for (const PciAddress& address : {kDisk, kUsb, kWired, kGpu}) {
    EXPECT_EQ(safety(address), DeviceSafety::Unknown) << to_text(address);
  }
}

TEST_F(DeviceSafetyTest, TheGroupWithoutBridges) {
  for (const PciAddress& address : {kPort, kDisk, kSound}) {
    at(address).iommu_group = {7U, "iommu_group"};
  }
  facts_.pci_devices = {devices_, "/sys/bus/pci/devices"};
  const auto members = group_members(facts_, at(kDisk));
  ASSERT_EQ(members.size(), 1U);
  EXPECT_EQ(members[0]->address, kSound);
  EXPECT_TRUE(group_members(facts_, at(kUsb)).empty());
}

TEST_F(DeviceSafetyTest, AUsbStickWithAMountedDiskIsInUseAndItsNeighbourIsFree) {
  DiskUse use = on(kUsb, "/media/stick");
  use.usb_above = {"1-2", "1-2.3"};
  set_disks({use});
  UsbDevice stick;
  stick.port = "1-2.3";
  EXPECT_EQ(device_safety(facts_, stick).safety, DeviceSafety::InUse);
  UsbDevice hub;
  hub.port = "1-2";
  EXPECT_EQ(device_safety(facts_, hub).safety, DeviceSafety::InUse);
  UsbDevice neighbour;
  neighbour.port = "1-2.4";
  EXPECT_EQ(device_safety(facts_, neighbour).safety, DeviceSafety::Free);
}

TEST_F(DeviceSafetyTest, TheOnlyKeyboardOnUsbIsEssential) {
  UsbDevice device;
  device.port = "1-3";
  const Keyboard keyboard{.name = "USB Keyboard", .above = {kUsb}, .usb_above = {"1-3"}};
  set_keyboards({keyboard});
  EXPECT_EQ(device_safety(facts_, device).safety, DeviceSafety::Essential);
  set_keyboards({keyboard, {.name = "AT keyboard", .above = {}}});
  EXPECT_EQ(device_safety(facts_, device).safety, DeviceSafety::InUse);
}

TEST_F(DeviceSafetyTest, WhatNobodyCouldReadMakesAUsbDeviceUnknown) {
  facts_.host_uses.disks = Unreadable{.path = "/proc/self/mountinfo", .why = "Permission denied"};
  UsbDevice device;
  device.port = "1-3";
  EXPECT_EQ(device_safety(facts_, device).safety, DeviceSafety::Unknown);
}

// --- sound

TEST_F(DeviceSafetyTest, SoundThatPlaysIsInUseAndSoundThatIsKeptOpenIsTold) {
  const SoundUse kept{.stream = "pcmC0D0p", .program = "pipewire (77)", .above = {kSound}};
  SoundUse plays = kept;
  plays.stream = "pcmC0D3p";
  plays.program = "mpv (99)";
  plays.running = true;
  facts_.host_uses.sounds = {std::vector{kept}, "sound"};
  EXPECT_EQ(safety(kSound), DeviceSafety::Free);
  EXPECT_EQ(first_reason(kSound),
            "Its sound is kept open, and nothing is played or recorded: pipewire (77).");
  EXPECT_TRUE(report(kUsb).reasons.empty());
  facts_.host_uses.sounds = {std::vector{kept, plays}, "sound"};
  EXPECT_EQ(safety(kSound), DeviceSafety::InUse);
  EXPECT_EQ(first_reason(kSound), "Sound is played or recorded on it: mpv (99).");
  EXPECT_EQ(report(kSound).reasons.size(), 2U);
}

TEST_F(DeviceSafetyTest, AHeadsetThatPlaysIsInUseAndItsNeighbourIsFree) {
  facts_.host_uses.sounds = {std::vector<SoundUse>{{.stream = "pcmC1D0p",
                                                    .program = "mpv (99)",
                                                    .above = {kUsb},
                                                    .running = true,
                                                    .usb_above = {"1-2", "1-2.3"}}},
                             "sound"};
  UsbDevice headset;
  headset.port = "1-2.3";
  EXPECT_EQ(device_safety(facts_, headset).safety, DeviceSafety::InUse);
  UsbDevice neighbour;
  neighbour.port = "1-2.4";
  EXPECT_EQ(device_safety(facts_, neighbour).safety, DeviceSafety::Free);
}

TEST_F(DeviceSafetyTest, SoundThatCannotBeSeenIsUnknownWhereThereMayBeSome) {
  facts_.host_uses.sounds = Unreadable{"/proc/asound/card0/pcm0p", "no such file"};
  EXPECT_EQ(safety(kSound), DeviceSafety::Unknown);
  EXPECT_EQ(safety(kUsb), DeviceSafety::Unknown);  // headsets
  EXPECT_EQ(safety(kDisk), DeviceSafety::Free);
}

}  // namespace
}  // namespace cleave
