#include "install/driver_package.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

constexpr const char* kInf =
    "; Intel\r\n[Version]\r\nSignature=\"$WINDOWS NT$\"\r\nClass = Display\r\n"
    "DriverVer = 12/06/2018,25.20.100.6471 ; built\r\n[Strings]\r\nDriverVer=1,9.9.9.9\r\n"
    "%i% = x, PCI\\VEN_8086&DEV_5916\r\n";

std::string utf16(std::string_view text) {
  std::string bytes = "\xFF\xFE";
  for (const char letter : text) {
    bytes += letter;
    bytes += '\0';
  }
  return bytes;
}

TEST(InfFile, IsReadInAsciiAndInUtf16) {
  for (const std::string& bytes :
       {std::string(kInf), utf16(kInf), "\xEF\xBB\xBF" + std::string(kInf)}) {
    const auto inf = parse_inf(bytes);
    ASSERT_TRUE(inf);
    EXPECT_EQ(to_text(inf->version), "25.20.100.6471");
    EXPECT_TRUE(inf->is_display);
    EXPECT_TRUE(inf->is_intel);
  }
}

TEST(InfFile, WithoutAVersionIsNone) {
  for (const char* text :
       {"", "[Version]\n", "[Version]\nDriverVer=12/06/2018\n", "[Version]\nDriverVer=1,a.b\n",
        "DriverVer=1,1.2.3.4\n", "[Version]\nDriverVer=1,1.2.3.70000\n"}) {
    EXPECT_FALSE(parse_inf(text)) << text;
  }
}

TEST(DriverVersion, HasFourNumbersAtMost) {
  EXPECT_EQ(to_text(*parse_driver_version("1.2")), "1.2.0.0");
  EXPECT_FALSE(parse_driver_version("1.2.3.4.5"));
  EXPECT_FALSE(parse_driver_version("1..2"));
  EXPECT_FALSE(parse_driver_version(""));
}

TEST(GvtGDriver, IsJudgedByWhatUsersReported) {
  const auto health = [](const char* text) {
    return judge_gvt_g_driver(*parse_driver_version(text)).health;
  };
  EXPECT_EQ(health("25.20.100.6448"), DriverHealth::Works);
  EXPECT_EQ(health("25.20.100.6519"), DriverHealth::Breaks);
  EXPECT_EQ(health("26.20.100.7985"), DriverHealth::Breaks);
  EXPECT_EQ(health("31.0.101.2115"), DriverHealth::NotKnown);
}

}  // namespace
}  // namespace cleave
