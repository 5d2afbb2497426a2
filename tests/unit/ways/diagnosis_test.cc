// Verdicts on the captured machines, and what stands behind them.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "facts/readers/read_facts.h"
#include "support/machine.h"
#include "ways/way.h"

namespace cleave {
namespace {

struct Expected {
  const char* machine;
  // Of the first GPU; all empty where there is none.
  const char* gvt_g;
  const char* sr_iov;
  const char* virtio_gpu;
  const char* passthrough;
  // "way verdict" of what is recommended; "" for nothing.
  const char* windows;
  const char* linux_guest;
};

const std::vector<Expected> kMachines = {
    {"comet-lake-ready", "ready", "impossible", "ready", "impossible", "gvt-g ready",
     "gvt-g ready"},
    {"comet-lake-one-v5-4-used", "ready", "impossible", "ready", "impossible", "gvt-g ready",
     "gvt-g ready"},
    {"comet-lake-plain", "needs-changes", "impossible", "ready", "impossible",
     "gvt-g needs-changes", "virtio-gpu ready"},
    {"broadwell", "ready", "impossible", "ready", "impossible", "gvt-g ready", "gvt-g ready"},
    {"kabylake-guc", "needs-changes", "impossible", "ready", "ready", "gvt-g needs-changes",
     "virtio-gpu ready"},
    {"gemini-lake-unsupported", "impossible", "impossible", "ready", "ready", "passthrough ready",
     "virtio-gpu ready"},
    {"tiger-lake", "impossible", "needs-changes", "ready", "ready", "sr-iov needs-changes",
     "virtio-gpu ready"},
    {"amd-only", "impossible", "impossible", "ready", "ready", "passthrough ready",
     "virtio-gpu ready"},
    {"nvidia-only", "impossible", "impossible", "ready", "ready", "passthrough ready",
     "virtio-gpu ready"},
    {"long-domain", "ready", "impossible", "ready", "needs-firmware", "gvt-g ready", "gvt-g ready"},
    {"no-config", "unknown", "impossible", "ready", "impossible", "", "virtio-gpu ready"},
    {"unreadable", "needs-changes", "impossible", "needs-changes", "impossible",
     "gvt-g needs-changes", "gvt-g needs-changes"},
    {"mtty-mdpy-mbochs", "impossible", "impossible", "needs-firmware", "needs-firmware",
     "passthrough needs-firmware", "virtio-gpu needs-firmware"},
    {"no-gpu-vm", "", "", "", "", "", ""},
};

const WayVerdict* verdict_on(const Diagnosis& diagnosis, std::string_view way) {
  if (diagnosis.gpus.empty()) return nullptr;
  const auto& ways = diagnosis.gpus.front().ways;
  const auto found = std::ranges::find(ways, way, &WayVerdict::way);
  return found == ways.end() ? nullptr : &*found;
}

std::string verdict_text(const Diagnosis& diagnosis, std::string_view way) {
  const WayVerdict* verdict = verdict_on(diagnosis, way);
  return verdict == nullptr ? "" : verdict_name(verdict->verdict);
}

std::string text_of(const std::optional<Diagnosis::Recommendation>& recommendation) {
  if (!recommendation) return "";
  return recommendation->verdict->way + " " + verdict_name(recommendation->verdict->verdict);
}

using Ids = std::vector<std::string>;

Ids deciding(const Diagnosis& diagnosis, std::string_view way) {
  Ids ids;
  const WayVerdict* verdict = verdict_on(diagnosis, way);
  if (verdict == nullptr) return ids;
  for (const Finding* finding : verdict->deciding) ids.emplace_back(finding->rule->id);
  return ids;
}

TEST(Diagnosis, VerdictsAndRecommendationsOfEachMachine) {
  for (const Expected& expected : kMachines) {
    SCOPED_TRACE(expected.machine);
    const Facts facts = read_facts(testing::load_machine(expected.machine));
    const Diagnosis diagnosis = diagnose(facts);
    EXPECT_EQ(verdict_text(diagnosis, "gvt-g"), expected.gvt_g);
    EXPECT_EQ(verdict_text(diagnosis, "sr-iov"), expected.sr_iov);
    EXPECT_EQ(verdict_text(diagnosis, "virtio-gpu"), expected.virtio_gpu);
    EXPECT_EQ(verdict_text(diagnosis, "passthrough"), expected.passthrough);
    EXPECT_EQ(text_of(diagnosis.windows), expected.windows);
    EXPECT_EQ(text_of(diagnosis.linux_guest), expected.linux_guest);
    if (diagnosis.gpus.empty()) continue;
    for (const WayVerdict& way : diagnosis.gpus.front().ways) {
      EXPECT_EQ(way.deciding.empty(), way.verdict == Verdict::Ready) << way.way;
      EXPECT_FALSE(way.price.empty()) << way.way;
    }
  }
}

TEST(Diagnosis, WhatDecidesOnEachMachine) {
  const std::vector<std::tuple<const char*, const char*, Ids>> machines = {
      {"kabylake-guc", "gvt-g", {"gvt_g.guc_submission", "gvt_g.mdev_parent"}},
      {"gemini-lake-unsupported", "gvt-g", {"gvt_g.generation"}},
      {"gemini-lake-unsupported", "sr-iov", {"sr_iov.hardware"}},
      {"amd-only", "gvt-g", {"gpu.vendor"}},
      {"nvidia-only", "sr-iov", {"sr_iov.hardware"}},
      {"tiger-lake",
       "sr-iov",
       {"sr_iov.kernel", "sr_iov.driver", "sr_iov.force_probe", "sr_iov.total_vfs"}},
      {"broadwell", "passthrough", {"passthrough.kernel_quirk", "passthrough.iommu_group"}},
      {"unreadable", "virtio-gpu", {"kvm.accessible"}},
      {"long-domain", "passthrough", {"iommu.firmware_table", "passthrough.iommu_group"}},
  };
  for (const auto& [machine, way, expected] : machines) {
    const Facts facts = read_facts(testing::load_machine(machine));
    EXPECT_EQ(deciding(diagnose(facts), way), expected) << machine << ", " << way;
  }
}

// The laptop that cleave was begun for: GVT-g after two changes, the whole GPU not with Ubuntu's
// kernel, which leaves it out of the IOMMU.
TEST(Diagnosis, CometLakeOnUbuntu) {
  Facts facts = read_facts(testing::load_machine("comet-lake-plain"));
  const Diagnosis ubuntu = diagnose(facts);
  EXPECT_EQ(deciding(ubuntu, "gvt-g"),
            (Ids{"gvt_g.parameter_enable_gvt", "gvt_g.module_kvmgt", "gvt_g.mdev_parent"}));
  EXPECT_EQ(verdict_text(ubuntu, "passthrough"), "impossible");
  EXPECT_EQ(deciding(ubuntu, "passthrough").front(), "passthrough.kernel_quirk");
  // The Linux guest has something at once, and something better after the changes.
  ASSERT_NE(ubuntu.linux_guest->better, nullptr);
  EXPECT_EQ(ubuntu.linux_guest->better->way, "gvt-g");

  std::vector<PciDevice> devices = *facts.pci_devices.value();
  const auto gpu = std::ranges::find_if(devices, &PciDevice::is_gpu);
  ASSERT_NE(gpu, devices.end());
  gpu->iommu_group = {99U, gpu->iommu_group.source()};
  facts.pci_devices = {devices, facts.pci_devices.source()};
  facts.kernel.release = {"6.12.107+deb13-amd64", facts.kernel.release.source()};
  const Diagnosis debian = diagnose(facts);
  EXPECT_EQ(verdict_text(debian, "passthrough"), "ready");
  EXPECT_EQ(verdict_text(debian, "gvt-g"), "needs-changes");
  // It would cost the only screen: still not what is recommended.
  EXPECT_EQ(text_of(debian.windows), "gvt-g needs-changes");
}

// The virtual laptop runs by emulation: no vmx, no /dev/kvm. Its driver offers types all the same.
TEST(Diagnosis, OfferedTypesCountMoreThanMissingKvm) {
  Facts facts = read_facts(testing::load_machine("comet-lake-ready"));
  facts.cpu = {CpuFacts{}, "/proc/cpuinfo"};
  facts.kvm.node = {Absent{}, "/dev/kvm"};
  facts.kvm.accessible = {Absent{}, "/dev/kvm"};
  EXPECT_TRUE(diagnose(facts).ready());
}

TEST(Diagnosis, WithoutVmxAndWithoutTypesTheFirmwareHasToChange) {
  Facts facts = read_facts(testing::load_machine("comet-lake-plain"));
  facts.cpu = {CpuFacts{}, "/proc/cpuinfo"};
  const Diagnosis diagnosis = diagnose(facts);
  EXPECT_EQ(diagnosis.gpus.front().ways.front().verdict, Verdict::NeedsFirmware);
  EXPECT_STREQ(diagnosis.gpus.front().ways.front().deciding.front()->rule->id, "gvt_g.kvm");
}

TEST(Diagnosis, UnknownBeatsNeedsChangesAndImpossibleBeatsUnknown) {
  Facts facts = read_facts(testing::load_machine("comet-lake-plain"));
  facts.kernel.modules["i915"].parameters["enable_gvt"] =
      Unreadable{"enable_gvt", "Permission denied"};
  EXPECT_EQ(diagnose(facts).gpus.front().ways.front().verdict, Verdict::Unknown);

  Facts tiger = read_facts(testing::load_machine("tiger-lake"));
  tiger.kvm.node = Unreadable{"/dev/kvm", "Permission denied"};
  EXPECT_EQ(diagnose(tiger).gpus.front().ways.front().verdict, Verdict::Impossible);
}

TEST(Diagnosis, PredictsTypesWhereGvtIsOff) {
  const Facts facts = read_facts(testing::load_machine("comet-lake-plain"));
  const Diagnosis diagnosis = diagnose(facts);
  EXPECT_TRUE(diagnosis.gpus.front().predicted);
  EXPECT_EQ(diagnosis.gpus.front().capacity.types.size(), 4U);
}

TEST(Diagnosis, ScopeLeavesOtherGpusAndWaysOut) {
  const Facts facts = read_facts(testing::load_machine("comet-lake-ready"));
  const Diagnosis none = diagnose(facts, {.way = "mdev", .gpu = std::nullopt});
  EXPECT_TRUE(none.gpus.front().ways.empty());
  EXPECT_FALSE(none.ready());
  const Diagnosis other = diagnose(facts, {.way = std::nullopt, .gpu = PciAddress{0, 9, 0, 0}});
  EXPECT_TRUE(other.gpus.empty());
  for (const Finding& finding : other.findings) EXPECT_FALSE(finding.gpu.has_value());
}

TEST(Diagnosis, OtherParentsAreListedButNeverReady) {
  const Facts facts = read_facts(testing::load_machine("mtty-mdpy-mbochs"));
  const Diagnosis diagnosis = diagnose(facts);
  EXPECT_EQ(diagnosis.other_parents.size(), 3U);
  EXPECT_FALSE(diagnosis.ready());
}

// What the firmware has to change decides, whatever the rule's level.
TEST(Diagnosis, EveryNeedOfEveryWayIsARuleThatCanBlock) {
  for (const Way* way : all_ways()) {
    EXPECT_EQ(find_way(way->id()), way);
    for (const std::string& need : way->needs()) {
      const Rule* rule = find_rule(need);
      ASSERT_NE(rule, nullptr) << need;
      EXPECT_TRUE(rule->level != RuleLevel::Advice || rule->fixer == Fixer::Firmware) << need;
    }
  }
  EXPECT_EQ(find_way("no-way"), nullptr);
}

}  // namespace
}  // namespace cleave
