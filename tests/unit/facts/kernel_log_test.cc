// The prefixes that people's logs have.
#include "facts/kernel_log.h"

#include <gtest/gtest.h>

#include <string>

namespace cleave {
namespace {

KernelLogLine only_line(std::string_view bytes, std::string& text) {
  KernelLogReader reader(bytes);
  KernelLogLine line = reader.next().value_or(KernelLogLine());
  text = line.text;
  return line;
}

class Prefix : public ::testing::TestWithParam<const char*> {};

TEST_P(Prefix, IsTakenOff) {
  std::string text;
  const KernelLogLine line = only_line(GetParam(), text);
  EXPECT_EQ(text, "DMAR: Host address width 39");
  EXPECT_TRUE(line.prefixed);
  EXPECT_FALSE(line.other_program);
  EXPECT_EQ(line.number, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, Prefix,
    ::testing::Values(
        "[    0.262101] DMAR: Host address width 39",
        "<6>[    0.262101] DMAR: Host address width 39",
        "[    0.262101][    T0] DMAR: Host address width 39",
        "[    0.262101] [T1] DMAR: Host address width 39\r\n",
        "[    0.262101] [     C12] DMAR: Host address width 39",
        "Jul 19 23:11:56 host kernel: DMAR: Host address width 39",
        "Jul  9 23:11:56 host kernel: [    0.262101] DMAR: Host address width 39",
        "oct 08 00:14:49 host kernel: DMAR: Host address width 39",
        "Jul 19 23:11:56 kernel: DMAR: Host address width 39",
        "2026-07-19T23:11:56+0000 host kernel: DMAR: Host address width 39",
        "2026-07-19T23:11:56.123456+00:00 host kernel: [    0.262101] DMAR: Host address width 39",
        "Sun 2026-07-19 23:11:56 UTC host kernel: DMAR: Host address width 39",
        "2026-07-19T23:11:56,123456+00:00 DMAR: Host address width 39",
        "[    0.262101] host kernel: DMAR: Host address width 39",
        "1690000000.123456 host kernel: DMAR: Host address width 39",
        "[Tue Nov 24 23:30:16 2026] DMAR: Host address width 39",
        "[Nov24 23:30] DMAR: Host address width 39", "[  +0.000013] DMAR: Host address width 39",
        "[    0.262101 <    0.000013>] DMAR: Host address width 39",
        "kern  :info  : [    0.262101] DMAR: Host address width 39",
        "6,1234,262101,-;DMAR: Host address width 39",
        "6,1234,262101,-,caller=T1;DMAR: Host address width 39",
        "> > [    0.262101] DMAR: Host address width 39",
        "    [    0.262101] DMAR: Host address width 39  ",
        "\x1b[32m[    0.262101] \x1b[0m\x1b[33mDMAR: \x1b[0mHost address width 39",
        "[\xC2\xA0 \xC2\xA0 0.262101] DMAR: Host address width 39",
        "kernel: DMAR: Host address width 39"));

TEST(KernelLog, TimeIsSinceBoot) {
  std::string text;
  EXPECT_EQ(only_line("[   12.345678] x", text).microseconds, 12'345'678U);
  EXPECT_EQ(only_line("6,1,345678,-;x", text).microseconds, 345'678U);
  EXPECT_FALSE(only_line("[Tue Nov 24 23:30:16 2026] x", text).microseconds.has_value());
}

TEST(KernelLog, WhatIsNoPrefixStays) {
  std::string text;
  for (const std::string line :
       {"[drm] Initialized i915", "[Firmware Bug]: x", "[INTR-REMAP] Request device",
        "[8086:1237] type 00", "x86/cpu: VMX", "Linux version 6.8.0"}) {
    EXPECT_FALSE(only_line(line, text).prefixed) << line;
    EXPECT_EQ(text, line);
  }
}

TEST(KernelLog, OtherProgramsAreNotTheKernel) {
  std::string text;
  EXPECT_TRUE(only_line("Jul 19 23:11:56 host sudo[12]: DMAR: IOMMU enabled", text).other_program);
}

TEST(KernelLog, AnyBytesAreRead) {
  const std::string bytes("\xff\xfe\0\n\n[    0.000000] \x80x\0y\n<<<[[[\n\x1b[\n", 35);
  KernelLogReader reader(bytes);
  std::size_t count = 0;
  while (const auto line = reader.next()) EXPECT_EQ(line->number, ++count);
  EXPECT_EQ(count, 5U);
  const std::string huge(std::size_t{4} << 20U, 'x');
  std::string text;
  EXPECT_EQ(only_line(huge, text).text.size(), 8192U);
}

TEST(KernelLog, AddressesAreAtTheStart) {
  EXPECT_EQ(leading_pci_address("0000:00:02.0: x"), "0000:00:02.0");
  EXPECT_EQ(leading_pci_address("10000:e0:1f.7"), "10000:e0:1f.7");
  EXPECT_EQ(leading_pci_address("00:02.0"), "");
  EXPECT_EQ(leading_pci_address("0000:00:02.8"), "");
}

}  // namespace
}  // namespace cleave
