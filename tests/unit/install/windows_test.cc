#include <gtest/gtest.h>

#include "install/answer_file.h"
#include "install/host_settings.h"
#include "install/virtio_drivers.h"
#include "install/windows_zones.h"
#include "support/golden.h"

namespace cleave {
namespace {

WindowsAnswers example() {
  return {.uefi = true,
          .language = "ko-KR",
          .keyboard = "0412:00000412",
          .time_zone = "Korea Standard Time",
          .computer_name = "WIN11",
          .user = "mina",
          .password = "a<b>&\"c\" 한글",
          .product_key = "",
          .edition = "Windows 11 Pro"};
}

TEST(AnswerFile, ForUefi) {
  testing::expect_golden("vm/autounattend-uefi.xml", windows_answer_file(example()));
}

TEST(AnswerFile, ForBios) {
  WindowsAnswers answers = example();
  answers.uefi = false;
  answers.time_zone.clear();
  answers.keyboard.clear();
  answers.product_key = "AAAAA-BBBBB-CCCCC-DDDDD-12345";
  const std::string text = windows_answer_file(answers);
  EXPECT_EQ(text.find("EFI"), std::string::npos);
  EXPECT_NE(text.find("<PartitionID>2</PartitionID>"), std::string::npos);
  EXPECT_NE(text.find("<InputLocale>ko-KR</InputLocale>"), std::string::npos);
  EXPECT_EQ(text.find("TimeZone"), std::string::npos);
  EXPECT_NE(text.find("<Key>AAAAA-BBBBB-CCCCC-DDDDD-12345</Key>"), std::string::npos);
}

TEST(AnswerFile, ItsScriptToldOfADriverPutsItInPlace) {
  testing::expect_golden("vm/finish.cmd", windows_finish_script(true));
  EXPECT_EQ(windows_finish_script(false).find("pnputil"), std::string::npos);
}

TEST(WindowsUser, IsWhatWindowsTakes) {
  for (const char* good : {"mina", "Mina Kim", "미나", "a-b_c"}) {
    EXPECT_FALSE(windows_user_problem(good)) << good;
  }
  for (const char* bad : {"", "a/b", "a\\b", "none", "Administrator", "guest", "x.", " x", "a\nb",
                          "a%b", "abcdefghijklmnopqrstu"}) {
    EXPECT_TRUE(windows_user_problem(bad)) << bad;
  }
}

TEST(WindowsPassword, HasNoControlCharacters) {
  EXPECT_FALSE(windows_password_problem("a b"));
  EXPECT_TRUE(windows_password_problem(""));
  EXPECT_TRUE(windows_password_problem("a\tb"));
  EXPECT_TRUE(windows_password_problem(std::string(128, 'a')));
}

TEST(ProductKey, HasFiveGroups) {
  EXPECT_TRUE(is_product_key("AAAAA-BBBBB-CCCCC-DDDDD-12345"));
  EXPECT_FALSE(is_product_key("AAAAA-BBBBB-CCCCC-DDDDD"));
  EXPECT_FALSE(is_product_key("aaaaa-bbbbb-ccccc-ddddd-12345"));
  EXPECT_FALSE(is_product_key("AAAAA-BBBBB-CCCCC-DDDDD-1234<"));
}

TEST(ComputerName, IsWhatNetBiosTakes) {
  EXPECT_EQ(windows_computer_name("win11"), "win11");
  EXPECT_EQ(windows_computer_name("my_windows.for-games"), "my-windows-for");
  EXPECT_EQ(windows_computer_name("2024"), "VM-2024");
  EXPECT_EQ(windows_computer_name("a______________b"), "a");
}

TEST(HostSetting, IsReadWithoutItsQuotes) {
  EXPECT_EQ(setting_in("# LANG=x\nLANG=ko_KR.UTF-8\n", "LANG"), "ko_KR.UTF-8");
  EXPECT_EQ(setting_in("XKBLAYOUT=\"us,kr\"\n", "XKBLAYOUT"), "us,kr");
  EXPECT_EQ(setting_in("LANGUAGE=a\n", "LANG"), "");
  EXPECT_EQ(setting_in("LANG=$(reboot)\n", "LANG"), "");
  EXPECT_EQ(setting_in("", "LANG"), "");
}

TEST(HostZone, IsWhatTheLinkLeadsTo) {
  EXPECT_EQ(zone_of_link("/usr/share/zoneinfo/Asia/Seoul"), "Asia/Seoul");
  EXPECT_EQ(zone_of_link("../usr/share/zoneinfo/right/Europe/Paris"), "Europe/Paris");
  EXPECT_EQ(zone_of_link("/etc/other"), "");
  EXPECT_EQ(zone_of_link("/usr/share/zoneinfo/../../x"), "");
}

TEST(WindowsLanguage, IsTheLocalesWithItsTerritory) {
  EXPECT_EQ(windows_language("ko_KR.UTF-8"), "ko-KR");
  EXPECT_EQ(windows_language("de_DE@euro"), "de-DE");
  EXPECT_EQ(windows_language("C.UTF-8"), "");
  EXPECT_EQ(windows_language(""), "");
  EXPECT_TRUE(is_windows_language("zh-Hans-CN"));
  EXPECT_FALSE(is_windows_language("en"));
  EXPECT_FALSE(is_windows_language("en-<x"));
}

TEST(WindowsKeyboard, IsTheFirstLayouts) {
  EXPECT_EQ(windows_keyboard("us", ""), "0409:00000409");
  EXPECT_EQ(windows_keyboard("us,kr", "dvorak,"), "0409:00010409");
  EXPECT_EQ(windows_keyboard("de", "nodeadkeys"), "0407:00000407");
  EXPECT_EQ(windows_keyboard("xx", ""), "");
  EXPECT_EQ(windows_keyboard("", ""), "");
}

TEST(WindowsZone, IsCldrs) {
  EXPECT_EQ(windows_zone("Asia/Seoul"), "Korea Standard Time");
  EXPECT_EQ(windows_zone("Etc/UTC"), "UTC");
  EXPECT_EQ(windows_zone("Asia/Kolkata"), "India Standard Time");
  EXPECT_EQ(windows_zone("Asia/Calcutta"), "India Standard Time");
  EXPECT_EQ(windows_zone("Europe/Kyiv"), "FLE Standard Time");
  EXPECT_EQ(windows_zone("America/New_York"), "Eastern Standard Time");
  EXPECT_EQ(windows_zone("Mars/Olympus"), "");
  EXPECT_EQ(windows_zone(""), "");
}

TEST(SetupDrivers, AreThoseOfOneVersionForOneProcessor) {
  EXPECT_EQ(setup_driver_place("viostor/w10/amd64/viostor.sys", "w10"),
            "$WinPEDriver$/viostor/viostor.sys");
  EXPECT_EQ(setup_driver_place("NETKVM/W10/AMD64/NETKVM.INF", "w10"),
            "$WinPEDriver$/NetKVM/NETKVM.INF");
  for (const char* other : {"viostor/w10/x86/viostor.sys", "viostor/w11/amd64/viostor.sys",
                            "viostor/w10/amd64/viostor.pdb", "Balloon/w10/amd64/balloon.sys",
                            "viostor/w10/amd64", "../viostor/w10/amd64/viostor.sys", ""}) {
    EXPECT_FALSE(setup_driver_place(other, "w10")) << other;
  }
  EXPECT_EQ(virtio_versions("11"), (std::vector<std::string>{"w11", "w10"}));
  EXPECT_EQ(missing_setup_drivers({"$WinPEDriver$/viostor/viostor.inf"}),
            (std::vector<std::string>{"vioscsi", "NetKVM"}));
}

}  // namespace
}  // namespace cleave
