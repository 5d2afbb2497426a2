#include "ways/usb_device.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

constexpr std::pair<std::uint16_t, std::uint16_t> kReceiver = {0x046d, 0xc52b};

UsbDevice receiver() {
  UsbDevice device;
  device.port = "1-2.3";
  device.sysfs_path = "/sys/bus/usb/devices/1-2.3";
  device.bus = 1;
  device.number = 4;
  device.vendor_id = 0x046d;
  device.product_id = 0xc52b;
  device.product = "USB Receiver";
  for (const char* name : {"1-2.3:1.0", "1-2.3:1.1"}) {
    device.interfaces.push_back(
        {.name = name, .class_code = 3, .driver = {std::string("usbhid"), "driver"}});
  }
  return device;
}

TEST(UsbDevice, QemuIsToldThePortOrTheIdsOrBoth) {
  EXPECT_TRUE(usb_guest_devices({}).empty());
  EXPECT_EQ(usb_guest_devices(
                {{.port = "1-2.3"},
                 {.port = "", .ids = kReceiver},
                 {.port = "2-1", .ids = std::pair<std::uint16_t, std::uint16_t>(0x046d, 1)}}),
            (std::vector<std::string>{
                "usb-host,bus=usb.0,hostbus=1,hostport=2.3",
                "usb-host,bus=usb.0,vendorid=0x046d,productid=0xc52b",
                "usb-host,bus=usb.0,hostbus=2,hostport=1,vendorid=0x046d,productid=0x0001"}));
}

TEST(UsbDevice, ItIsTakenFromItsDriversAndItsNodeGiven) {
  const std::vector<Change> changes = hand_over_usb(receiver(), 1000, 1001, "mina");
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(english(changes[0].summary),
            "Take USB Receiver (1-2.3) from the host's drivers: usbhid");
  const auto* owner = std::get_if<ChangeOwner>(&changes[1].effect);
  ASSERT_NE(owner, nullptr);
  EXPECT_EQ(owner->path, "/dev/bus/usb/001/004");
  EXPECT_EQ(owner->user, 1000U);
  for (const Change& change : changes) {
    const auto back = change_from_json(to_json(change));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, change);
  }
}

TEST(UsbDevice, WithoutDriversOnlyItsNodeIsGiven) {
  UsbDevice device = receiver();
  for (UsbInterface& interface : device.interfaces) interface.driver = {Absent{}, "driver"};
  EXPECT_EQ(hand_over_usb(device, 1000, 1000, "mina").size(), 1U);
}

}  // namespace
}  // namespace cleave
