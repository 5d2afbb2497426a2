// Explaining files: every row of the messages, recognition, and what logs of real machines say.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "analysis/explain/explainer.h"
#include "analysis/explain/log_messages/message.h"
#include "analysis/log_summary.h"
#include "base/text.h"
#include "facts/kernel.h"
#include "support/golden.h"

namespace cleave {
namespace {

std::vector<const LogMessage*> every_message() {
  std::vector<const LogMessage*> all = kernel_messages();
  for (const LogMessage& message : qemu_messages()) all.push_back(&message);
  return all;
}

// The pattern with a value in each field: "{width}" → "39".
std::string example_of(const LogMessage& message) {
  std::string example;
  std::string_view rest = message.pattern;
  while (!rest.empty()) {
    const std::size_t open = std::min(rest.find('{'), rest.size());
    example += rest.substr(0, open);
    rest.remove_prefix(open);
    if (rest.empty()) break;
    const std::size_t close = rest.find('}');
    example += rest[close - 1] == '*' ? "a b c" : "39";
    rest.remove_prefix(close + 1);
  }
  return example;
}

TEST(LogMessages, EveryRowMatchesItsOwnLineBehindADevice) {
  const LogMatcher kernel(kernel_messages());
  std::vector<const LogMessage*> said;
  for (const LogMessage& message : qemu_messages()) said.push_back(&message);
  const LogMatcher qemu(said);
  for (const LogMessage* message : every_message()) {
    const bool of_qemu = std::string_view(message->id).starts_with("qemu.");
    for (const std::string prefix : {"", "pci 0000:00:02.0: ", "[drm] ", "x: *ERROR* "}) {
      const auto match = (of_qemu ? qemu : kernel).match(prefix + example_of(*message));
      // A quoted command line is one only where the line begins with it.
      if (!prefix.empty() && std::string_view(message->id).ends_with("command_line")) continue;
      ASSERT_TRUE(match.has_value()) << prefix << example_of(*message);
      EXPECT_STREQ(match->message->id, message->id) << prefix << example_of(*message);
    }
    const auto inside = (of_qemu ? qemu : kernel).match("word" + example_of(*message));
    EXPECT_TRUE(!inside || inside->message != message) << message->id;
  }
}

TEST(LogMessages, IdsAreUniqueAndFieldsAreThere) {
  std::set<std::string> ids;
  for (const LogMessage* message : every_message()) {
    EXPECT_TRUE(ids.insert(message->id).second) << message->id;
    const std::string example = example_of(*message);
    const LogMatcher matcher({message});
    const auto match = matcher.match(example);
    ASSERT_TRUE(match.has_value()) << message->id;
    const Annotation note = log_annotation(*match, 1);
    EXPECT_EQ(english(note.meaning).find('{'), std::string::npos) << message->id;
    EXPECT_EQ(english(note.action).find('{'), std::string::npos) << message->id;
  }
  EXPECT_GE(ids.size(), 100U);
}

TEST(LogMessages, WhatIsQuotedIsNotSaid) {
  const LogMatcher matcher(kernel_messages());
  const auto match = matcher.match("Kernel command line: DMAR: IOMMU enabled");
  ASSERT_TRUE(match.has_value());
  EXPECT_STREQ(match->message->id, "log.kernel_command_line");
  EXPECT_FALSE(matcher.match("audit: DMAR: IOMMU enabled").has_value());
  EXPECT_FALSE(matcher.match("it says 'DMAR: IOMMU enabled'").has_value());
}

std::string kind_of(std::string_view bytes) {
  const Explainer* explainer = recognise(bytes);
  return explainer == nullptr ? "unknown" : explainer->kind;
}

TEST(Recognise, GoesByContent) {
  EXPECT_EQ(kind_of("[    0.262101] DMAR: Host address width 39\n"), "kernel-log");
  EXPECT_EQ(kind_of("i915 0000:00:02.0: [drm] Unsupported device. GVT-g is disabled\n"),
            "kernel-log");
  EXPECT_EQ(kind_of("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n"), "kernel-config");
  EXPECT_EQ(kind_of("GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX=\"\"\n"), "grub");
  EXPECT_EQ(kind_of("BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet\n"), "kernel-command-line");
  EXPECT_EQ(kind_of("00:02.0 VGA compatible controller: Intel Corporation UHD Graphics\n"),
            "pci-listing");
  EXPECT_EQ(kind_of("qemu-system-x86_64: vfio-display-dmabuf: opengl not available\n"), "qemu-log");
  EXPECT_EQ(kind_of("low_gm_size: 128MB\nhigh_gm_size: 512MB\nfence: 4\nresolution: 1920x1200\n"
                    "weight: 4\n"),
            "mdev-description");
}

TEST(Recognise, WhatNobodyKnowsIsUnknown) {
  EXPECT_EQ(kind_of(""), "unknown");
  EXPECT_EQ(kind_of("Dear all,\nmy laptop is slow.\n"), "unknown");
  EXPECT_EQ(kind_of(std::string_view("\x7f"
                                     "ELF\x02\x01\0\0\0\xff\xfe",
                                     11)),
            "unknown");
  EXPECT_EQ(kind_of("title Linux\nlinux /vmlinuz\noptions root=/dev/sda1 intel_iommu=on\n"),
            "unknown");
  EXPECT_EQ(kind_of("options root=/dev/sda1 intel_iommu=on\n"), "unknown");
}

TEST(LogSummary, ALaterLineOverrulesAnEarlierOne) {
  EXPECT_FALSE(summarise_kernel_log("[    0.1] DMAR: IOMMU enabled\n").iommu.value.has_value());
  EXPECT_EQ(summarise_kernel_log("[    0.100] DMAR: No ATSR found\n"
                                 "[    0.200] DMAR: Initialization failed\n")
                .iommu.value,
            IommuState::Off);
  EXPECT_FALSE(summarise_kernel_log("iommu: Default domain type: Translated\n").iommu.value);
  EXPECT_FALSE(summarise_kernel_log(
                   "vfio_mdev 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001: Adding to iommu group 1")
                   .iommu.value);
  EXPECT_FALSE(summarise_kernel_log("mtty mtty: MDEV: Registered\n").gvt_g.value);
}

TEST(LogSummary, IsFastEnoughForALongLog) {
  std::string log;
  for (int i = 0; i < 50'000; ++i) {
    log += "[   12.345678] usb 1-4: New USB device found, idVendor=0bda, idProduct=5411: text\n";
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(summarise_kernel_log(log).iommu.value.has_value());
  const auto took = std::chrono::steady_clock::now() - start;
  // Generous: this is a debug build on a busy machine. What it keeps out is quadratic behaviour.
  EXPECT_LT(took, std::chrono::seconds(2));
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string graphics_word(const KernelLogSummary& summary) {
  if (!summary.graphics_excluded.value) return "?";
  return *summary.graphics_excluded.value ? "excluded" : "kept";
}

std::string drivers_word(const KernelLogSummary& summary) {
  std::set<std::string> names;
  for (const GpuDriverFact& fact : summary.gpu_drivers) names.insert(fact.driver);
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : "+") + name;
  return joined.empty() ? "?" : joined;
}

TEST(ExplainCorpus, LogsSayWhatAPersonReadInThem) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  std::size_t compared = 0;
  const std::string table = testing::read_test_file("oracle/kernel_logs.tsv");
  for (const std::string_view row : lines(table)) {
    const auto cells = split(row, '\t');
    if (row.starts_with('#') || cells.size() != 6) continue;
    const std::string log = read_file(corpus + "/" + std::string(cells[0]));
    if (log.empty()) continue;
    const KernelLogSummary summary = summarise_kernel_log(log);
    EXPECT_EQ(summary.iommu.value ? iommu_state_name(*summary.iommu.value) : "?", cells[1])
        << cells[0];
    EXPECT_EQ(graphics_word(summary), cells[2]) << cells[0];
    EXPECT_EQ(summary.gvt_g.value ? gvt_state_name(*summary.gvt_g.value) : "?", cells[3])
        << cells[0];
    EXPECT_EQ(drivers_word(summary), cells[4]) << cells[0];
    EXPECT_EQ(summary.kvm_disabled_by_firmware.value ? "disabled" : "?", cells[5]) << cells[0];
    ++compared;
  }
  EXPECT_GE(compared, 70U);
}

// grep's answer: the last line that is "CONFIG_X=…" or "# CONFIG_X is not set".
std::string grepped(const std::string& config, const std::string& symbol) {
  const std::string set = "\n" + symbol + "=";
  const std::size_t is_set = config.rfind(set);
  const std::size_t is_unset = config.rfind("\n# " + symbol + " is not set\n");
  if (is_set == std::string::npos) return is_unset == std::string::npos ? "absent" : "n";
  if (is_unset != std::string::npos && is_unset > is_set) return "n";
  const std::size_t start = is_set + set.size();
  return config.substr(start, config.find('\n', start) - start);
}

TEST(ExplainCorpus, KernelConfigsAgreeWithGrep) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus + "/kconfig")) {
    if (!entry.is_regular_file() || entry.path().extension() == ".tsv") continue;
    const std::string config = read_file(entry.path().string());
    ASSERT_EQ(kind_of(config), "kernel-config") << entry.path();
    const Explanation explanation = recognise(config)->explain(config);
    ASSERT_NE(explanation.decoded.as_object(), nullptr);
    for (const auto& [symbol, value] : *explanation.decoded.as_object()) {
      EXPECT_EQ(*value.as_string(), grepped(config, symbol)) << entry.path() << " " << symbol;
    }
    ++files;
  }
  EXPECT_GE(files, 20U);
}

}  // namespace
}  // namespace cleave
