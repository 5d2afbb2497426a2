#include "facts/kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "support/golden.h"

namespace cleave {
namespace {

using Arguments = std::vector<KernelArgument>;

Arguments arguments(std::string_view text) { return parse_kernel_command_line(text).arguments; }

TEST(KernelCommandLine, SplitsAtBlanks) {
  EXPECT_EQ(arguments("  ro\tquiet root=/dev/sda1 \n"),
            (Arguments{{"ro", std::nullopt}, {"quiet", std::nullopt}, {"root", "/dev/sda1"}}));
}

TEST(KernelCommandLine, OnlyTheFirstEqualsSignSeparates) {
  EXPECT_EQ(arguments("root=UUID=1 =x a="),
            (Arguments{{"root", "UUID=1"}, {"=x", std::nullopt}, {"a", ""}}));
}

// The cases follow next_arg of lib/cmdline.c by hand.
TEST(KernelCommandLine, QuotesProtectBlanks) {
  EXPECT_EQ(arguments(R"(dyndbg="file a.c +p" x)"),
            (Arguments{{"dyndbg", "file a.c +p"}, {"x", std::nullopt}}));
  EXPECT_EQ(arguments(R"("dyndbg=file a.c +p" x)"),
            (Arguments{{"dyndbg", "file a.c +p"}, {"x", std::nullopt}}));
  EXPECT_EQ(arguments(R"("two words" x)"),
            (Arguments{{"two words", std::nullopt}, {"x", std::nullopt}}));
  EXPECT_EQ(arguments(R"(a=b" "c)"), (Arguments{{"a", R"(b" "c)"}}));
  EXPECT_EQ(arguments(R"(a="")"), (Arguments{{"a", ""}}));
}

TEST(KernelCommandLine, AnOpenQuoteRunsToTheEnd) {
  EXPECT_EQ(arguments(R"(a="b c)"), (Arguments{{"a", "b c"}}));
  EXPECT_EQ(arguments(R"(a=")"), (Arguments{{"a", ""}}));
  EXPECT_EQ(arguments(R"(")"), (Arguments{{"", std::nullopt}}));
}

TEST(KernelCommandLine, WhatFollowsTwoDashesIsForInit) {
  const auto line = parse_kernel_command_line("quiet -- i915.enable_gvt=1");
  EXPECT_EQ(line.arguments, (Arguments{{"quiet", std::nullopt}}));
  EXPECT_FALSE(line.last_value("i915.enable_gvt"));
  EXPECT_EQ(line.text, "quiet -- i915.enable_gvt=1");
  EXPECT_EQ(arguments("--=x y"), (Arguments{{"--", "x"}, {"y", std::nullopt}}));
}

TEST(KernelCommandLine, TheLastValueCounts) {
  const auto line = parse_kernel_command_line("i915.enable_gvt=1 iommu=pt i915.enable_gvt=0");
  EXPECT_EQ(line.last_value("i915.enable_gvt"), "0");
  EXPECT_FALSE(line.last_value("i915.enable_guc"));
}

TEST(KernelCommandLine, DashesAndUnderscoresAreTheSameInNames) {
  const auto line = parse_kernel_command_line("vfio-pci.ids=8086:9b41 intel_iommu=on");
  EXPECT_EQ(line.last_value("vfio_pci.ids"), "8086:9b41");
  EXPECT_EQ(line.last_value("intel-iommu"), "on");
}

TEST(KernelCommandLine, ANameWithoutValueIsGivenAndEmpty) {
  EXPECT_EQ(parse_kernel_command_line("nomodeset").last_value("nomodeset"), "");
}

TEST(KernelCommandLine, RealLinesKeepTheirLastWord) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  std::ifstream file(corpus + "/cmdline/proc-cmdlines.tsv");
  ASSERT_TRUE(file.is_open());
  int checked = 0;
  for (std::string row; std::getline(file, row);) {
    const auto columns = split(row, '\t');
    if (columns.size() < 3 || columns[0] == "list") continue;
    if (columns[2].find('"') != std::string_view::npos) continue;
    const auto expected = words(columns[2]);
    if (std::ranges::find(expected, std::string_view("--")) != expected.end()) continue;
    EXPECT_EQ(arguments(columns[2]).size(), expected.size()) << row;
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

TEST(KernelConfig, KeepsValuesAndTheUnset) {
  const auto config = parse_kernel_config(
      "#\n# Linux/x86 6.8.12 Kernel Configuration\n#\nCONFIG_KVM=m\r\n"
      "# CONFIG_DRM_XE is not set\nCONFIG_LOCALVERSION=\"-a "
      "\\\"b\\\"\"\nCONFIG_HZ=250\nCONFIG_CUT");
  const KernelConfig expected = {
      {"KVM", "m"}, {"DRM_XE", "n"}, {"LOCALVERSION", "-a \"b\""}, {"HZ", "250"}};
  EXPECT_EQ(config, expected);
}

TEST(KernelConfig, TheLastLineOfASymbolCounts) {
  EXPECT_EQ(parse_kernel_config("CONFIG_KVM=m\n# CONFIG_KVM is not set\n").at("KVM"), "n");
}

TEST(KernelConfig, TheNumberOfSymbolsIsBounded) {
  std::string text;
  for (int i = 0; i < 100'100; ++i) text += "CONFIG_X" + std::to_string(i) + "=y\n";
  EXPECT_EQ(parse_kernel_config(text).size(), 100'000U);
}

// ORIGINS.tsv tells what grep found; here the same lines are counted another way.
TEST(KernelConfig, RealConfigurationsAreReadWhole) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  int checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(corpus + "/kconfig/ubuntu")) {
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    const auto config = parse_kernel_config(text.str());
    EXPECT_GT(config.size(), 5'000U) << entry.path();
    EXPECT_EQ(config.at("MODULES"), "y") << entry.path();
    EXPECT_EQ(config.at("KVM"), "m") << entry.path();
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

TEST(KernelFacts, ModulesAreFoundByEitherSpelling) {
  KernelFacts kernel;
  kernel.modules["vfio_pci"].loaded = true;
  EXPECT_TRUE(kernel.module("vfio-pci").loaded);
  EXPECT_TRUE(kernel.module("vfio_pci").loaded);
  EXPECT_FALSE(kernel.module("vfio").loaded);
}

}  // namespace
}  // namespace cleave
