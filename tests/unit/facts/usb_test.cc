#include "facts/usb.h"

#include <gtest/gtest.h>

#include "facts/readers/readers.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

void add_device(MemoryHost& host, const std::string& port, const std::string& ids,
                const std::string& interface_driver) {
  const std::string path = "/sys/bus/usb/devices/" + port;
  host.add_file(path + "/busnum", "1\n");
  host.add_file(path + "/devnum", "7\n");
  host.add_file(path + "/idVendor", ids.substr(0, 4) + "\n");
  host.add_file(path + "/idProduct", ids.substr(5) + "\n");
  host.add_file(path + "/bDeviceClass", "00\n");
  host.add_file(path + "/product", "USB Receiver\n");
  const std::string interface = path + "/" + port + ":1.0";
  host.add_file(interface + "/bInterfaceClass", "03\n");
  if (!interface_driver.empty()) {
    host.add_link(interface + "/driver", "/sys/bus/usb/drivers/" + interface_driver);
  }
}

TEST(Usb, KnowsPortsFromOtherNames) {
  for (const char* port : {"1-2", "1-2.3", "12-1.2.3.4.5.15"}) EXPECT_TRUE(is_usb_port(port));
  for (const char* other :
       {"", "-", "usb1", "1-2:1.0", "1-0050", "1-", "1-2.", "1-2.3.4.5.6.7.8"}) {
    EXPECT_FALSE(is_usb_port(other)) << other;
  }
}

TEST(Usb, FindsAllDevicesAboveAThingButNoneOfOtherBuses) {
  EXPECT_EQ(usb_devices_in_path("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3/1-2.3:1.0"),
            (std::vector<std::string>{"1-2", "1-2.3"}));
  EXPECT_TRUE(usb_devices_in_path("/sys/devices/pci0000:00/0000:00:15.0/i2c-1/1-50/input").empty());
}

TEST(Usb, ReadsDevicesWithTheirInterfaces) {
  MemoryHost host;
  host.add_directory("/sys/bus/usb/devices/usb1");
  add_device(host, "1-2.3", "046d:c52b", "usbhid");
  add_device(host, "1-4", "0951:1666", "");
  const Fact<std::vector<UsbDevice>> read = read_usb_devices(host);
  ASSERT_TRUE(read.is_known());
  ASSERT_EQ(read.value()->size(), 2U);
  const UsbDevice& receiver = read.value()->front();
  EXPECT_EQ(receiver.port, "1-2.3");
  EXPECT_EQ(usb_ids(receiver), "046d:c52b");
  EXPECT_EQ(usb_node(receiver), "/dev/bus/usb/001/007");
  ASSERT_EQ(receiver.interfaces.size(), 1U);
  EXPECT_EQ(receiver.interfaces.front().driver.value_or(""), "usbhid");
  EXPECT_TRUE(read.value()->back().interfaces.front().driver.is_absent());
}

TEST(Usb, WhatCannotBeReadIsNotAbsent) {
  MemoryHost host;
  add_device(host, "1-2", "046d:c52b", "usbhid");
  host.add_file("/sys/bus/usb/devices/1-2/idVendor", "none\n");
  EXPECT_NE(read_usb_devices(host).unreadable(), nullptr);
  EXPECT_TRUE(read_usb_devices(MemoryHost()).is_absent());
}

}  // namespace
}  // namespace cleave
