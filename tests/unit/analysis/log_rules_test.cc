// The rules on what the kernel's log tells: each with a log that shows it and one that does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "analysis/rule.h"
#include "analysis/rules/families.h"
#include "base/message.h"

namespace cleave {
namespace {

constexpr const char* kBoot =
    "[    0.000000] Linux version 6.8.0-60-generic (buildd@x) #63-Ubuntu\n";
constexpr const char* kQuiet = "[    1.000000] DMAR-IR: Enabled IRQ remapping in x2apic mode\n";

// Rule → a line as the kernel prints it.
const std::map<std::string_view, std::string_view> kLines = {
    {"log.kvm_disabled_by_firmware", "kvm: disabled by bios"},
    {"log.kvm_ignored_registers", "kvm [2042]: ignored rdmsr: 0x611 data 0x0"},
    {"log.iommu_firmware_errors",
     "Your BIOS is broken; DMAR reported at address fed90000 returns all ones!"},
    {"log.iommu_faults",
     "DMAR: [DMA Read] Request device [00:02.0] fault addr 7f000000 [fault reason 06] PTE Read "
     "access is not set"},
    {"log.interrupt_remapping",
     "DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks."},
    {"log.gvt_g_refused", "i915 0000:00:02.0: [drm] Unsupported device. GVT-g is disabled"},
    {"log.gvt_g_no_room", "gvt: vgpu 2: fail to allocate resource low GM space"},
    {"log.gvt_g_guest_rejected", "Now vgpu 1 will enter failsafe mode."},
    {"log.gvt_g_page_tables", "gvt: guest page write error, gpa 1f2a3000"},
    {"log.memory_lock_exceeded",
     "vfio_pin_page_external: Task qemu-system-x86 (2042) RLIMIT_MEMLOCK (65536) exceeded"},
    {"log.graphics_under_iommu", "i915 0000:00:02.0: [drm] VT-d active for gfx access"},
    {"log.gpu_hang", "i915 0000:00:02.0: [drm] GPU HANG: ecode 9:1:85dffffb, in Xorg [998]"},
    {"log.display_underrun", "i915 0000:00:02.0: [drm] *ERROR* CPU pipe A FIFO underrun"},
    {"log.gpu_driver_failed", "i915: probe of 0000:00:02.0 failed with error -5"},
    {"log.gpu_firmware_failed",
     "i915 0000:00:02.0: [drm] *ERROR* GuC firmware i915/tgl_guc_70.bin: fetch failed -ENOENT"},
    {"log.sr_iov_refused", "xe 0000:00:02.0: [drm] Support for SR-IOV is not available"},
    {"log.vfio_errors",
     "vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0xe0000000-0xefffffff 64bit pref]"},
    {"log.modules_rejected", "Loading of module with unavailable key is rejected"},
};

Outcome outcome_with(std::string_view id, Fact<std::string> log) {
  Facts facts;
  facts.kernel_log = std::move(log);
  for (Finding& finding : run_rules(facts)) {
    if (id == finding.rule->id) return std::move(finding.outcome);
  }
  ADD_FAILURE() << id << " was not run";
  return Outcome::not_applicable();
}

Fact<std::string> log_of(const std::string& text) { return {text, "/dev/kmsg"}; }

TEST(LogRules, FailOnTheirLineAndShowIt) {
  for (const auto& [id, line] : kLines) {
    SCOPED_TRACE(id);
    const Outcome outcome = outcome_with(
        id, log_of(kBoot + std::string("[   10.000000] ").append(line) + "\n" + kQuiet));
    ASSERT_EQ(outcome.kind, OutcomeKind::Fail);
    ASSERT_FALSE(outcome.evidence.empty());
    EXPECT_EQ(outcome.evidence.front().source, "/dev/kmsg");
    EXPECT_EQ(outcome.evidence.front().text, line);
    const Rule& rule = *find_rule(id);
    for (const char* text : {rule.title, rule.why, rule.remedy}) {
      EXPECT_EQ(fill_fields(text, outcome.arguments).find('{'), std::string::npos) << text;
    }
  }
}

TEST(LogRules, PassOnAWholeLogWithoutIt) {
  for (const auto& [id, line] : kLines) {
    EXPECT_EQ(outcome_with(id, log_of(std::string(kBoot) + kQuiet)).kind, OutcomeKind::Pass) << id;
  }
}

TEST(LogRules, AreUnknownWhereTheLogIsCutOrClosed) {
  for (const auto& [id, line] : kLines) {
    SCOPED_TRACE(id);
    EXPECT_EQ(outcome_with(id, log_of("[ 99.000000] usb 1-1: new device\n")).kind,
              OutcomeKind::Unknown);
    const Outcome closed = outcome_with(id, Unreadable{"/dev/kmsg", "Permission denied"});
    EXPECT_EQ(closed.kind, OutcomeKind::Unknown);
    EXPECT_EQ(closed.evidence.front().text, "Permission denied");
    EXPECT_EQ(outcome_with(id, {}).kind, OutcomeKind::Unknown);
  }
}

TEST(LogRules, InterruptsAreRemappedWithoutX2apicToo) {
  const std::string log =
      std::string(kBoot) +
      "[    1.000000] DMAR-IR: x2apic is disabled because BIOS sets x2apic opt out bit.\n"
      "[    1.000000] DMAR-IR: Enabled IRQ remapping in xapic mode\n";
  EXPECT_EQ(outcome_with("log.interrupt_remapping", log_of(log)).kind, OutcomeKind::Pass);
}

TEST(LogRules, OnlyTheLastBootCounts) {
  const std::string before = std::string(kBoot) + "[    9.000000] kvm: disabled by bios\n";
  EXPECT_EQ(outcome_with("log.kvm_disabled_by_firmware", log_of(before + kBoot + kQuiet)).kind,
            OutcomeKind::Pass);
}

TEST(LogRules, WhatOtherProgramsWriteIsNoEvidence) {
  const std::string journal =
      "Nov 22 10:00:00 host kernel: Linux version 6.8.0-60-generic (b@x) #63\n"
      "Nov 22 10:00:09 host firefox[99]: kvm: disabled by bios\n";
  EXPECT_EQ(outcome_with("log.kvm_disabled_by_firmware", log_of(journal)).kind, OutcomeKind::Pass);
}

TEST(LogRules, EveryOneIsTriedHere) {
  for (const Rule& rule : log_rules()) EXPECT_TRUE(kLines.contains(rule.id)) << rule.id;
}

}  // namespace
}  // namespace cleave
