#include "app/devices.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "support/machine.h"

namespace cleave {
namespace {

void add_pci_device(MemoryHost& host, const std::string& address, const std::string& class_code,
                    const std::string& driver, const std::string& group) {
  const std::string real = "/sys/devices/pci0000:00/" + address;
  host.add_file(real + "/vendor", "0x8086\n");
  host.add_file(real + "/device", "0x15bb\n");
  host.add_file(real + "/class", class_code + "\n");
  host.add_link(real + "/driver", "../../../bus/pci/drivers/" + driver);
  host.add_link(real + "/iommu_group", "../../../kernel/iommu_groups/" + group);
  host.add_link("/sys/bus/pci/devices/" + address, "../../../devices/pci0000:00/" + address);
}

DeviceList list_of(const HostReader& host) {
  auto list = list_devices(host);
  EXPECT_TRUE(list.has_value()) << english(list.error());
  return list ? std::move(*list) : DeviceList();
}

const WholeDevice& whole_at(const DeviceList& list, const std::string& address) {
  static const WholeDevice kNone;
  const ListedDevice* found = find_device(list, address);
  EXPECT_NE(found, nullptr) << address;
  return found == nullptr || !found->whole ? kNone : *found->whole;
}

// Sound at 1f.3 is alone in its group, but for a bridge.
class DevicesTest : public ::testing::Test {
 protected:
  MemoryHost host_ = testing::load_machine("comet-lake-ready");
};

TEST_F(DevicesTest, ADeviceIsAsHardToGiveAwayAsWhatGoesAlong) {
  EXPECT_EQ(whole_at(list_of(host_), "00:1f.3").state, DeviceState::Free);
  add_pci_device(host_, "0000:00:1f.6", "0x020000", "e1000e", "8");
  const std::string interface = "/sys/devices/pci0000:00/0000:00:1f.6/net/eno1";
  host_.add_file(interface + "/operstate", "up\n");
  host_.add_link(interface + "/device", "../../../0000:00:1f.6");
  host_.add_link("/sys/class/net/eno1", interface);
  const DeviceList list = list_of(host_);
  const WholeDevice& sound = whole_at(list, "00:1f.3");
  EXPECT_EQ(sound.state, DeviceState::Essential);
  ASSERT_EQ(sound.reasons.size(), 1U);
  EXPECT_EQ(to_text(sound.reasons[0].device), "0000:00:1f.6");
  ASSERT_EQ(sound.group.size(), 1U);
  EXPECT_EQ(whole_at(list, "00:1f.6").state, DeviceState::Essential);
}

TEST_F(DevicesTest, WhatAProcessHasOpenIsUsedWithAllOfItsGroup) {
  add_pci_device(host_, "0000:00:09.0", "0x030200", "vfio-pci", "20");
  add_pci_device(host_, "0000:00:09.1", "0x040300", "vfio-pci", "20");
  host_.add_file("/proc/77/comm", "qemu\n");
  host_.add_link("/proc/77/fd/9", "/dev/vfio/20");
  const DeviceList list = list_of(host_);
  EXPECT_EQ(whole_at(list, "00:09.0").state, DeviceState::Used);
  EXPECT_EQ(whole_at(list, "00:09.1").state, DeviceState::Used);
  EXPECT_EQ(whole_at(list, "00:09.1").users.size(), 1U);
  EXPECT_EQ(list.devices.front().kind, DeviceKind::Gpu);
}

TEST_F(DevicesTest, WhatNobodyCouldLookIntoIsUnknownAndNotFree) {
  add_pci_device(host_, "0000:00:09.0", "0x040300", "vfio-pci", "20");
  host_.add_file("/proc/77/comm", "qemu\n");
  host_.add_directory("/proc/77/fd");
  EXPECT_EQ(whole_at(list_of(host_), "00:09.0").state, DeviceState::Free);
  host_.add_unreadable("/proc/78/fd", EACCES);
  EXPECT_EQ(whole_at(list_of(host_), "00:09.0").state, DeviceState::Unknown);
}

TEST_F(DevicesTest, BridgesAndWhatBelongsToTheBoardAreNotListed) {
  const DeviceList list = list_of(host_);
  EXPECT_EQ(find_device(list, "00:00.0"), nullptr);
  EXPECT_EQ(find_device(list, "00:1f.0"), nullptr);
  EXPECT_NE(find_device(list, "0000:01:00.0"), nullptr);
}

TEST_F(DevicesTest, FunctionsStandBelowTheirDeviceAndTellHowManyAreLeft) {
  const DeviceList list = list_of(testing::load_machine("nvidia-vgpu"));
  const ListedDevice* gpu = find_device(list, "01:00.0");
  ASSERT_NE(gpu, nullptr);
  EXPECT_EQ(gpu->functions.size(), 3U);
  EXPECT_EQ(free_functions(*gpu), 32U);
  EXPECT_EQ(find_device(list, "01:00.4"), nullptr);
  EXPECT_EQ(free_functions(*find_device(list_of(host_), "00:1f.3")), std::nullopt);
}

TEST_F(DevicesTest, DevicesThatCannotBeReadAreAnError) {
  host_.forget("/sys/bus/pci/devices");
  host_.add_unreadable("/sys/bus/pci/devices", EACCES);
  EXPECT_FALSE(list_devices(host_).has_value());
}

}  // namespace
}  // namespace cleave
