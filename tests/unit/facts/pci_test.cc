#include "facts/pci.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

TEST(PciAddress, ReadsTheLongForm) {
  const auto address = parse_pci_address("0000:3f:1f.7");
  ASSERT_TRUE(address);
  EXPECT_EQ(*address, (PciAddress{.domain = 0, .bus = 0x3f, .device = 31, .function = 7}));
}

TEST(PciAddress, ShortFormMeansDomainZero) {
  EXPECT_EQ(parse_pci_address("00:02.0"), parse_pci_address("0000:00:02.0"));
}

TEST(PciAddress, DomainMayHaveMoreThanFourDigits) {
  const auto address = parse_pci_address("10000:00:02.0");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->domain, 0x10000U);
  EXPECT_EQ(to_text(*address), "10000:00:02.0");
  EXPECT_EQ(to_text(*parse_pci_address("ffffffff:ff:1f.7")), "ffffffff:ff:1f.7");
}

TEST(PciAddress, PrintsAlwaysTheDomain) {
  EXPECT_EQ(to_text(PciAddress{.bus = 0xa, .device = 2}), "0000:0a:02.0");
}

TEST(PciAddress, SortsLongDomainsBehindShortOnes) {
  EXPECT_LT(*parse_pci_address("0000:ff:1f.7"), *parse_pci_address("10000:00:00.0"));
}

TEST(PciAddress, RefusesWhatIsNone) {
  for (const char* text : {"",
                           ":",
                           "::",
                           "mtty",
                           "0000:00:02",
                           "0000:00:02.8",
                           "0000:00:20.0",
                           "000:00:02.0",
                           "100000000:00:02.0",
                           "0000:0:02.0",
                           "0000:00:2.0",
                           "0000:00:02.0 ",
                           " 0000:00:02.0",
                           "0000:00:02.00",
                           "0000:00:02-0",
                           "0000:0g:02.0",
                           "-000:00:02.0",
                           "0000:00:00:02.0",
                           "0000:+0:02.0",
                           "0x00:00:02.0"}) {
    EXPECT_FALSE(parse_pci_address(text)) << text;
  }
}

TEST(PciRegion, SizeCountsTheLastByte) {
  EXPECT_EQ((PciRegion{.start = 0x80000000, .end = 0x8fffffff}).size(), 256ULL << 20U);
  EXPECT_EQ(PciRegion{}.size(), 0U);
}

TEST(PciDevice, AcceleratorsOfAmdAreGpusNpusAreNot) {
  PciDevice device;
  device.class_code = 0x120000;
  device.vendor_id = 0x1002;
  EXPECT_TRUE(device.is_gpu());
  device.vendor_id = 0x8086;
  EXPECT_FALSE(device.is_gpu());
}

TEST(NvidiaVgpuTypes, OneALine) {
  const auto types = parse_nvidia_vgpu_types(
      "ID   : vGPU Name\n1428 : NVIDIA H200X-141C\n 1414:NVIDIA H200X-1-18C \n");
  ASSERT_EQ(types.size(), 2U);
  EXPECT_EQ(types[0], (NvidiaVgpuType{1428, "NVIDIA H200X-141C"}));
  EXPECT_EQ(types[1], (NvidiaVgpuType{1414, "NVIDIA H200X-1-18C"}));
}

TEST(NvidiaVgpuTypes, WhatIsNoTypeIsPassedOver) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv, "\n\n"sv, "1428"sv, "1428 :"sv, "0 : none"sv,
                                      "-1 : x"sv, "99999999999 : x"sv, "\0\0\0"sv, ": NVIDIA"sv}) {
    EXPECT_TRUE(parse_nvidia_vgpu_types(text).empty()) << text;
  }
  EXPECT_EQ(parse_nvidia_vgpu_types("7 : \xff\x1b[31m").at(0).name.find('\x1b'), std::string::npos);
}

TEST(NvidiaVgpuTypes, AHugeListIsCut) {
  std::string text;
  for (int i = 1; i <= 100'000; ++i) text += std::to_string(i) + " : t\n";
  EXPECT_EQ(parse_nvidia_vgpu_types(text).size(), 256U);
}

TEST(PciDevice, IsGpuByItsBaseClass) {
  PciDevice device;
  for (const auto& [class_code, is_gpu] : std::vector<std::pair<std::uint32_t, bool>>{
           {0x030000, true}, {0x038000, true}, {0x040300, false}, {0x000300, false}}) {
    device.class_code = class_code;
    EXPECT_EQ(device.is_gpu(), is_gpu) << class_code;
  }
}

}  // namespace
}  // namespace cleave
