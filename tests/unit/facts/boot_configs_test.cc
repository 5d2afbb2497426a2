// The files of rEFInd, Limine and kernelstub.
#include <gtest/gtest.h>

#include "facts/kernelstub_config.h"
#include "facts/limine_config.h"
#include "facts/refind_config.h"

namespace cleave {
namespace {

TEST(Refind, RowsOfTitleAndArguments) {
  const auto entries = parse_refind_linux(
      "# comment\n\"Boot with standard options\"  \"ro root=UUID=u quiet \"\r\n"
      "\"Single\" \"ro root=UUID=u single\"\nbare word\n\"A \"\"quoted\"\" one\" \"a=\"\"b "
      "c\"\"\"\n"
      "\"alone\"\n");
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].title, "Boot with standard options");
  EXPECT_EQ(entries[0].arguments, "ro root=UUID=u quiet ");
  EXPECT_TRUE(entries[1].recovery);
  EXPECT_EQ(entries[2].arguments, "word");
  EXPECT_EQ(entries[3].title, "A \"quoted\" one");
  EXPECT_EQ(entries[3].arguments, "a=\"b c\"");
}

TEST(Refind, StanzasByHand) {
  const auto entries = parse_refind_stanzas(
      "timeout 20\nmenuentry \"Arch\" {\n  icon /x.png\n  loader /vmlinuz-linux\n"
      "  initrd /initramfs-linux.img\n  options \"root=UUID=u rw quiet\"\n"
      "  submenuentry \"single\" {\n    add_options \"single\"\n  }\n}\n"
      "menuentry Off {\n loader /k\n disabled\n}\nmenuentry Empty {\n}\n");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].title, "Arch");
  EXPECT_EQ(entries[0].kernel, "/vmlinuz-linux");
  EXPECT_EQ(entries[0].arguments, "root=UUID=u rw quiet");
  EXPECT_FALSE(entries[0].recovery);
}

TEST(Refind, OddTextEndsWell) {
  for (const std::string& text :
       {std::string(), std::string("\0\xFF\"", 3), std::string("\"open"), std::string("\"\"\"\""),
        std::string(2 << 20, '"'), std::string("menuentry")}) {
    EXPECT_TRUE(parse_refind_linux(text).empty());
    EXPECT_TRUE(parse_refind_stanzas(text).empty());
  }
}

TEST(Limine, EntriesOfBothForms) {
  const auto entries = parse_limine_config(
      "timeout: 5\n/+Arch\ncomment: x\n    //linux\n    protocol: linux\n"
      "    path: boot():/vmlinuz-linux#abc\n    cmdline: root=UUID=u rw quiet\n"
      "    module_path: boot():/initramfs-linux.img\n/Image\n    protocol: efi\n"
      "    path: boot():/EFI/Linux/arch.efi\n/Windows\n    protocol: efi\n    path: "
      "boot():/x.efi\n");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].title, "linux");
  EXPECT_TRUE(entries[0].in_submenu);
  EXPECT_EQ(entries[0].kernel, "/vmlinuz-linux");
  EXPECT_EQ(entries[0].arguments, "root=UUID=u rw quiet");
  EXPECT_EQ(entries[0].initrds, (std::vector<std::string>{"/initramfs-linux.img"}));
  EXPECT_TRUE(entries[1].unified);
  const auto old = parse_limine_config(
      "TIMEOUT=5\n:Arch\nPROTOCOL=linux\nKERNEL_PATH=boot:///vmlinuz\nCMDLINE=root=a rw\n");
  ASSERT_EQ(old.size(), 1U);
  EXPECT_EQ(old[0].arguments, "root=a rw");
}

TEST(Limine, SettingsAreAddedUp) {
  LimineDefaults defaults =
      parse_limine_defaults("KERNEL_CMDLINE[default]+=\" a=1 \"\n# KERNEL_CMDLINE[default]=x\n");
  defaults = parse_limine_defaults(
      "ESP_PATH=/boot\nENABLE_UKI=yes # really\nKERNEL_CMDLINE[default]+='quiet'\n"
      "KERNEL_CMDLINE[\"linux-lts\"]=\"b\"\nKERNEL_CMDLINE[odd]=\"$(x)\"\n",
      defaults);
  EXPECT_TRUE(defaults.unified);
  EXPECT_EQ(defaults.command_lines.at("default"), " a=1 quiet");
  EXPECT_EQ(defaults.command_lines.at("linux-lts"), "b");
  EXPECT_EQ(defaults.command_lines.at("odd"), std::nullopt);
  // What is unknown stays so.
  defaults = parse_limine_defaults("KERNEL_CMDLINE[odd]+=\"c\"\n", defaults);
  EXPECT_EQ(defaults.command_lines.at("odd"), std::nullopt);
}

TEST(Limine, OddTextEndsWell) {
  for (const std::string& text :
       {std::string(), std::string("\0\xFF/", 3), std::string("KERNEL_CMDLINE["),
        std::string(2 << 20, '/'), std::string("KERNEL_CMDLINE[a]"), std::string("::::")}) {
    EXPECT_TRUE(parse_limine_config(text).empty());
    EXPECT_TRUE(parse_limine_defaults(text).command_lines.empty());
  }
}

TEST(Kernelstub, TheUsersOptions) {
  const auto config = parse_kernelstub_config(
      R"({"default":{"kernel_options":["x"]},"user":{"kernel_options":["quiet","","a=b c"],)"
      R"("esp_path":"/boot/efi","unified_kernel":true}})");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->arguments, "quiet a=b c");
  EXPECT_EQ(config->esp_path, "/boot/efi");
  EXPECT_TRUE(config->unified);
  // The form before revision 3, and a file that nobody has changed yet.
  EXPECT_EQ(parse_kernelstub_config(R"({"user":{"kernel_options":"quiet splash"}})")->arguments,
            "quiet splash");
  EXPECT_EQ(parse_kernelstub_config(R"({"default":{"kernel_options":["x"]}})")->arguments, "x");
}

TEST(Kernelstub, OddTextIsRefused) {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"user":{}})", R"({"user":3})",
        R"({"user":{"kernel_options":[1]}})", "\xFF", R"({"user":{"kernel_op)"}) {
    EXPECT_FALSE(parse_kernelstub_config(text)) << text;
  }
  EXPECT_FALSE(parse_kernelstub_config(std::string(2 << 20, ' ')));
}

}  // namespace
}  // namespace cleave
