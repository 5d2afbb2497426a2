// USB devices that are taken from their drivers, and given back.
#include <gtest/gtest.h>

#include <cerrno>

#include "apply/effects.h"
#include "base/text.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

const std::string kDevice = "/sys/bus/usb/devices/1-2";
const std::string kDrivers = "/sys/bus/usb/drivers/";
const Effect kRelease = ReleaseUsb{.device = kDevice, .vendor_id = 0x0951, .product_id = 0x1666};

std::string link_of(std::string_view interface) {
  return kDevice + "/" + std::string(interface) + "/driver";
}

class ReleaseUsbTest : public ::testing::Test {
 protected:
  ReleaseUsbTest() {
    host_.add_file(kDevice + "/idVendor", "0951\n");
    host_.add_file(kDevice + "/idProduct", "1666\n");
    host_.add_directory(kDevice + "/1-2:1.1");
    bind("1-2:1.0", "usb-storage");
    add_driver("usb-storage");
    add_driver("usbhid");
  }

  void bind(const std::string& interface, const std::string& driver) {
    host_.add_link(link_of(interface), kDrivers + driver);
  }

  void add_driver(const std::string& driver) {
    host_.add_file(kDrivers + driver + "/bind", "", 0200);
    host_.add_file(kDrivers + driver + "/unbind", "", 0200);
    host_.on_write(kDrivers + driver + "/bind",
                   [driver](MemoryHost& written, std::string_view interface) {
                     written.add_link(link_of(interface), kDrivers + driver);
                     return 0;
                   });
    host_.on_write(kDrivers + driver + "/unbind",
                   [](MemoryHost& written, std::string_view interface) {
                     return written.remove_file(link_of(interface)) ? 0 : ENODEV;
                   });
  }

  [[nodiscard]] std::string driver(const std::string& interface) const {
    const auto target = host_.read_link(link_of(interface));
    return target ? std::string(base_name(*target)) : "";
  }

  MemoryHost host_;
};

TEST_F(ReleaseUsbTest, EachInterfaceGetsBackWhatItHad) {
  const auto before = observe(host_, kRelease);
  ASSERT_TRUE(before);
  ASSERT_TRUE(perform(host_, kRelease, *before));
  EXPECT_EQ(driver("1-2:1.0"), "");
  EXPECT_TRUE(*is_done(host_, kRelease));
  // As QEMU does it at its end: whichever driver fits.
  bind("1-2:1.1", "usbhid");
  ASSERT_TRUE(take_back(host_, kRelease, *before, "", ""));
  EXPECT_EQ(driver("1-2:1.0"), "usb-storage");
  EXPECT_EQ(driver("1-2:1.1"), "") << "it had none before";
}

TEST_F(ReleaseUsbTest, AnotherDeviceInThePortIsLeftAlone) {
  const auto before = observe(host_, kRelease);
  ASSERT_TRUE(before);
  ASSERT_TRUE(perform(host_, kRelease, *before));
  host_.add_file(kDevice + "/idProduct", "1667\n");
  ASSERT_TRUE(take_back(host_, kRelease, *before, "", ""));
  EXPECT_EQ(driver("1-2:1.0"), "");
  EXPECT_FALSE(observe(host_, kRelease));
}

TEST_F(ReleaseUsbTest, WhatAProgramHasTakenSinceIsLeftToIt) {
  const auto before = observe(host_, kRelease);
  ASSERT_TRUE(before);
  ASSERT_TRUE(perform(host_, kRelease, *before));
  bind("1-2:1.0", "usbfs");
  const auto back = take_back(host_, kRelease, *before, "", "");
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, ErrorCode::Conflict);
}

}  // namespace
}  // namespace cleave
