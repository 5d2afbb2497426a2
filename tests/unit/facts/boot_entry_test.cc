// Loader entries and command lines in files.
#include "facts/boot_entry.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "facts/grub_config.h"
#include "support/golden.h"

namespace cleave {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

TEST(LoaderEntry, KeysOfTheSpecification) {
  const auto entry = parse_loader_entry(
      "# Boot Loader Specification type#1 entry\n"
      "# File created by /usr/lib/kernel/install.d/90-loaderentry.install (systemd 257)\n"
      "title\tDebian\r\nversion 6.12.1\nlinux  /token/6.12.1/linux\ninitrd /ucode.img /initrd.img\n"
      "initrd /more.img\noptions root=UUID=a ro\noptions quiet\nsort-key debian\nunheard-of x\n",
      "token-6.12.1+3-1.conf");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->id, "token-6.12.1");
  EXPECT_EQ(entry->tries_left, 3U);
  EXPECT_EQ(entry->tries_done, 1U);
  EXPECT_EQ(entry->title, "Debian");
  EXPECT_EQ(entry->version, "6.12.1");
  EXPECT_EQ(entry->kernel, "/token/6.12.1/linux");
  EXPECT_EQ(entry->initrds, (std::vector<std::string>{"/ucode.img", "/initrd.img", "/more.img"}));
  EXPECT_EQ(entry->arguments, "root=UUID=a ro quiet");
  EXPECT_EQ(entry->made_by, "/usr/lib/kernel/install.d/90-loaderentry.install");
  EXPECT_FALSE(entry->recovery);
  EXPECT_FALSE(entry->unified);
}

TEST(LoaderEntry, ACountIsOnlyACountWhereItIsOne) {
  EXPECT_EQ(parse_loader_entry("linux /k\n", "a+5.conf")->id, "a");
  EXPECT_EQ(parse_loader_entry("linux /k\n", "6.12.107+deb13.conf")->id, "6.12.107+deb13");
  EXPECT_EQ(parse_loader_entry("linux /k\n", "a+3-x.conf")->id, "a+3-x");
  EXPECT_EQ(parse_loader_entry("linux /k\n", "a+.conf")->id, "a+");
}

TEST(LoaderEntry, RescueAndImagesAreTold) {
  EXPECT_TRUE(parse_loader_entry("linux /k\n", "0f1e-0-rescue.conf")->recovery);
  EXPECT_TRUE(parse_loader_entry("linux /k\noptions ro single\n", "a.conf")->recovery);
  EXPECT_TRUE(parse_loader_entry("efi /EFI/Linux/a.efi\n", "a.conf")->unified);
  // A kernel with an EFI stub takes options.
  EXPECT_FALSE(parse_loader_entry("efi /vmlinuz\noptions ro\n", "a.conf")->unified);
}

TEST(LoaderEntry, WhatIsNoneIsRefused) {
  EXPECT_FALSE(parse_loader_entry("", "a.conf"));
  EXPECT_FALSE(parse_loader_entry("root=UUID=a ro quiet\n", "a.conf"));
  EXPECT_FALSE(parse_loader_entry(std::string("linux /k\n\0", 10), "a.conf"));
  EXPECT_FALSE(parse_loader_entry("linux /k\n" + std::string(1 << 20, 'x'), "a.conf"));
  EXPECT_EQ(parse_loader_entry("title \xFF\xFE\n", "a.conf")->title, "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(parse_loader_entry("options ro qu", "a.conf")->arguments, "ro qu");
}

TEST(LoaderConfig, TheDefaultAndTheTimeout) {
  const LoaderConfig config = parse_loader_config("#x\ndefault arch-*\ntimeout 3\neditor no\n");
  EXPECT_EQ(config.default_entry, "arch-*");
  EXPECT_EQ(config.timeout, "3");
  EXPECT_EQ(parse_loader_config("").default_entry, "");
}

TEST(CommandLineFile, LinesAndCommentsAreJoined) {
  EXPECT_EQ(parse_command_line_file("# all\nroot=UUID=a  rw\n\n quiet \n"),
            "root=UUID=a  rw quiet");
  EXPECT_EQ(parse_command_line_file(""), "");
  EXPECT_EQ(parse_command_line_file("options"), "options");
  EXPECT_FALSE(parse_command_line_file("title x\noptions ro\n"));
  EXPECT_FALSE(parse_command_line_file(std::string("ro\0", 3)));
  EXPECT_FALSE(parse_command_line_file(std::string(1 << 20, 'x')));
}

TEST(LoaderEntryCorpus, EveryEntryIsReadWhole) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  int checked = 0;
  for (const char* folder : {"/bootloader/systemd-boot", "/bootloader/bls"}) {
    for (const auto& file : std::filesystem::directory_iterator(corpus + folder)) {
      if (file.path().extension() != ".conf") continue;
      const std::string text = read_file(file.path());
      const auto entry = parse_loader_entry(text, file.path().filename().string());
      ASSERT_TRUE(entry) << file.path();
      EXPECT_TRUE(entry->kernel.starts_with("/vmlinuz")) << file.path();
      EXPECT_FALSE(entry->initrds.empty()) << file.path();
      EXPECT_NE(text.find(entry->arguments), std::string::npos) << file.path();
      EXPECT_TRUE(entry->arguments.starts_with("$kernelopts") ||
                  entry->arguments.find("root=") != std::string::npos)
          << file.path();
      // An entry is never taken for a command line.
      EXPECT_FALSE(parse_command_line_file(text)) << file.path();
      ++checked;
    }
  }
  EXPECT_GE(checked, 6);
}

TEST(LoaderEntryCorpus, VariablesComeFromGrubsMemory) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  const std::string stem =
      corpus + "/bootloader/bls/f620e5ae41694b8499fd1f338b4f2d03-4.18.0-147.el8.x86_64";
  const auto entry = parse_loader_entry(read_file(stem + ".conf"), "a.conf");
  const std::string line = read_file(stem + ".grubenv-kernelopts");
  const auto environment = parse_grub_environment("# GRUB Environment Block\n" + line);
  ASSERT_TRUE(entry && environment);
  const BootEntry expanded = expand_loader_entry(*entry, *environment);
  EXPECT_TRUE(expanded.arguments.starts_with("root=UUID=80c961de")) << expanded.arguments;
  EXPECT_TRUE(expanded.arguments.ends_with("rhgb quiet $tuned_params")) << expanded.arguments;
  EXPECT_EQ(expanded.open, (std::vector<std::string>{"tuned_params"}));
}

TEST(CommandLineFileCorpus, OneIsALoaderEntryAndRefused) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  int refused = 0;
  int read = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(corpus + "/bootloader/etc-kernel-cmdline")) {
    const auto line = parse_command_line_file(read_file(file.path()));
    line ? ++read : ++refused;
    if (line) {
      EXPECT_NE(line->find("root="), std::string::npos) << file.path();
    } else {
      EXPECT_EQ(file.path().filename(), "Ven0m0__dotfiles");
    }
  }
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(read, 5);
}

}  // namespace
}  // namespace cleave
