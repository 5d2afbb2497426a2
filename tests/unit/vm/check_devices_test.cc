#include <gtest/gtest.h>

#include "base/text.h"
#include "vm/vm.h"

namespace cleave {
namespace {

CheckedDefinition checked(const std::string& text) {
  const auto read = read_definition(text, "/vms/test.toml", "/vms");
  EXPECT_TRUE(read);
  return read ? *read : CheckedDefinition();
}

// The first problem, "LINE key".
std::string problem_of(const std::string& text) {
  const CheckedDefinition result = checked(text);
  if (result.problems.empty()) return "";
  return std::to_string(result.problems.front().position.line) + " " + result.problems.front().key;
}

TEST(DeviceDefinition, AddressesAndIdsAreReadInAllTheirForms) {
  const CheckedDefinition result = checked(
      "[[device]]\npci = \"03:00.0\"\nrom = \"a.rom\"\n"
      "[[device]]\npci = \"10000:E1:00.0\"\n"
      "[[device]]\nusb = \"046D:c52b\"\n"
      "[[device]]\nusb = \"1-2.3\"\noptional = true\n");
  ASSERT_TRUE(result.vm) << english(result.problems.front().message);
  const auto& devices = result.vm->devices;
  ASSERT_EQ(devices.size(), 4U);
  EXPECT_EQ(devices[0].pci, "0000:03:00.0");
  EXPECT_EQ(devices[0].rom, "/vms/a.rom");
  EXPECT_EQ(devices[1].pci, "10000:e1:00.0");
  EXPECT_EQ(devices[2].usb_ids, (Vm::UsbIds{.vendor = 0x046d, .product = 0xc52b}));
  EXPECT_EQ(devices[3].usb_port, "1-2.3");
  EXPECT_TRUE(devices[3].is_optional);
}

TEST(DeviceDefinition, WhatIsWrongIsToldWithItsPlace) {
  EXPECT_EQ(problem_of("[[device]]\n"), "1 device");
  EXPECT_EQ(problem_of("[[device]]\npci = \"03:00.0\"\nusb = \"1-2\"\n"), "1 device");
  EXPECT_EQ(problem_of("[[device]]\npci = \"03:20.0\"\n"), "2 device.pci");
  EXPECT_EQ(problem_of("[[device]]\npci = \"03:00.8\"\n"), "2 device.pci");
  EXPECT_EQ(problem_of("[[device]]\nusb = \"mouse\"\n"), "2 device.usb");
  EXPECT_EQ(problem_of("[[device]]\nusb = \"1-2,pcap=x\"\n"), "2 device.usb");
  EXPECT_EQ(problem_of("[[device]]\nusb = \"046d:c52b0\"\n"), "2 device.usb");
  EXPECT_EQ(problem_of("[[device]]\nusb = \"1-2\"\nrom = \"a\"\n"), "3 device.rom");
  EXPECT_EQ(problem_of("[[device]]\npci = \"03:00.0\"\noptional = true\n"), "3 device.optional");
  EXPECT_EQ(problem_of("[[device]]\npcie = \"03:00.0\"\n"), "1 device");
}

TEST(DeviceDefinition, NothingIsGivenTwice) {
  EXPECT_EQ(problem_of("[[device]]\npci = \"03:00.0\"\n[[device]]\npci = \"0000:03:00.0\"\n"),
            "4 device.pci");
  EXPECT_EQ(problem_of("[[device]]\nusb = \"1-2\"\n[[device]]\nusb = \"1-2\"\n"), "4 device.usb");
  EXPECT_EQ(problem_of("[[device]]\npci = \"03:00.0\"\n[gpu]\nway = \"passthrough\"\n"
                       "device = \"0000:03:00.0\"\n"),
            "2 device.pci");
}

TEST(DeviceDefinition, ThereAreAtMostSixteen) {
  std::string text;
  for (int i = 1; i <= 16; ++i) text += "[[device]]\nusb = \"1-" + std::to_string(i) + "\"\n";
  EXPECT_EQ(problem_of(text), "");
  EXPECT_EQ(problem_of(text + "[[device]]\nusb = \"2-1\"\n"), "33 device");
}

TEST(DeviceDefinition, OnlyAWholeGpuIsTheFirstScreen) {
  EXPECT_EQ(problem_of("[gpu]\nway = \"passthrough\"\nprimary = true\n"), "");
  EXPECT_EQ(problem_of("[gpu]\nway = \"sr-iov\"\nprimary = true\n"), "3 gpu.primary");
}

}  // namespace
}  // namespace cleave
