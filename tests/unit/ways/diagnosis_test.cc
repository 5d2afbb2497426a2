// Verdicts on the captured machines, and what stands behind them.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
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
      {"nvidia-only", "sr-iov", {"sr_iov.hardware", "sr_iov.nvidia_card"}},
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
TEST(Modes, EveryNeedOfEveryModeIsARuleThatCanBlock) {
  std::set<std::string> ids;
  for (const Way* way : all_ways()) {
    EXPECT_EQ(find_way(way->id()), way);
    for (const Mode& mode : way->modes()) {
      SCOPED_TRACE(mode.id);
      EXPECT_TRUE(ids.insert(mode.id).second) << "used twice";
      EXPECT_FALSE(mode.needs.empty());
      EXPECT_TRUE(mode.windows || mode.linux_guest);
      for (const char* text : {mode.about, mode.on_host, mode.in_guest, mode.fragile}) {
        EXPECT_NE(*text, '\0');
        EXPECT_LE(std::string_view(text).size(), 400U);
      }
      std::set<std::string> needs;
      for (const std::string need : mode.needs) {
        EXPECT_TRUE(needs.insert(need).second) << need << " twice";
        const Rule* rule = find_rule(need);
        ASSERT_NE(rule, nullptr) << need;
        EXPECT_TRUE(rule->level != RuleLevel::Advice || rule->fixer == Fixer::Firmware) << need;
      }
    }
    if (way->modes().size() == 1) {
      EXPECT_STREQ(way->modes().front().id, way->id());
    }
  }
  EXPECT_EQ(find_way("no-way"), nullptr);
}

// Every GPU that a way has a word about has a mode of it.
TEST(Modes, OneAppliesToEveryGpu) {
  for (const unsigned vendor : {0x8086U, 0x10DEU, 0x1002U, 0x1AF4U}) {
    for (const unsigned device : {0x9B41U, 0x7D55U, 0x9A49U, 0xE20BU, 0x56C0U, 0xFFF0U}) {
      for (const unsigned slot : {2U, 5U}) {
        PciDevice gpu;
        gpu.address = {0, 0, static_cast<std::uint8_t>(slot), 0};
        gpu.vendor_id = static_cast<std::uint16_t>(vendor);
        gpu.device_id = static_cast<std::uint16_t>(device);
        gpu.class_code = 0x030000;
        for (const Way* way : all_ways()) {
          if (!way->applies_to(gpu)) continue;
          EXPECT_TRUE(std::ranges::any_of(way->modes(),
                                          [&](const Mode& mode) { return mode.applies(gpu); }))
              << way->id() << " " << vendor << " " << device;
        }
      }
    }
  }
}

struct ExpectedMode {
  const char* machine;
  const char* way;
  const char* best;
  std::vector<std::pair<std::string, std::string>> modes;  // id, verdict
};

TEST(Modes, OfEachMachine) {
  const std::vector<ExpectedMode> machines = {
      {"comet-lake-ready", "gvt-g", "gvt-g", {{"gvt-g", "ready"}}},
      {"comet-lake-ready", "sr-iov", "xe", {{"xe", "impossible"}}},
      {"kabylake-guc", "passthrough", "igd-uefi", {{"igd-uefi", "ready"}, {"igd-legacy", "ready"}}},
      {"tiger-lake",
       "passthrough",
       "igd-uefi",
       {{"igd-uefi", "ready"}, {"igd-legacy", "impossible"}}},
      {"tiger-lake",
       "sr-iov",
       "xe",
       {{"xe", "needs-changes"}, {"i915-sriov-dkms", "needs-changes"}}},
      {"alder-lake-p-dkms",
       "sr-iov",
       "i915-sriov-dkms",
       {{"xe", "needs-changes"}, {"i915-sriov-dkms", "ready"}}},
      {"meteor-lake", "sr-iov", "i915-sriov-dkms", {{"i915-sriov-dkms", "needs-changes"}}},
      {"nvidia-only", "passthrough", "discrete", {{"discrete", "ready"}}},
      {"nvidia-vgpu", "sr-iov", "nvidia", {{"nvidia", "ready"}}},
      {"nvidia-mdev", "sr-iov", "nvidia", {{"nvidia", "ready"}}},
      {"instinct-gim", "sr-iov", "amd-gim", {{"amd-gim", "ready"}}},
      {"instinct-amdgpu", "sr-iov", "amd-gim", {{"amd-gim", "needs-changes"}}},
      {"instinct-amdgpu", "passthrough", "accelerator", {{"accelerator", "ready"}}},
      {"amd-only", "sr-iov", "amd-gim", {{"amd-gim", "impossible"}}},
      {"amd-only",
       "virtio-gpu",
       "virgl",
       {{"virgl", "ready"}, {"venus", "needs-changes"}, {"native-context", "needs-changes"}}},
      {"nvidia-only",
       "virtio-gpu",
       "virgl",
       {{"virgl", "ready"}, {"venus", "needs-changes"}, {"native-context", "impossible"}}},
  };
  for (const ExpectedMode& expected : machines) {
    SCOPED_TRACE(std::string(expected.machine) + " " + expected.way);
    const Facts facts = read_facts(testing::load_machine(expected.machine));
    const Diagnosis diagnosis = diagnose(facts);
    const WayVerdict* way = verdict_on(diagnosis, expected.way);
    ASSERT_NE(way, nullptr);
    ASSERT_NE(way->mode, nullptr);
    EXPECT_STREQ(way->mode->id, expected.best);
    std::vector<std::pair<std::string, std::string>> modes;
    for (const ModeVerdict& mode : way->modes) {
      modes.emplace_back(mode.mode->id, verdict_name(mode.verdict));
      EXPECT_LE(way->verdict, mode.verdict);
    }
    EXPECT_EQ(modes, expected.modes);
  }
}

// Virtual functions are parts of their GPU, and their types its types.
TEST(Functions, OfNvidiaGiveTheGpuItsTypes) {
  const Facts facts = read_facts(testing::load_machine("nvidia-vgpu"));
  const Diagnosis diagnosis = diagnose(facts);
  ASSERT_EQ(diagnosis.gpus.size(), 1U);
  EXPECT_TRUE(diagnosis.other_parents.empty());
  EXPECT_EQ(diagnosis.gpus.front().types_of, "sr-iov");
  const auto& types = diagnosis.gpus.front().capacity.types;
  ASSERT_EQ(types.size(), 3U);
  EXPECT_EQ(types[1].id, "nvidia-1155");
  EXPECT_EQ(types[1].name, "NVIDIA L40S-12Q");
  EXPECT_EQ(types[1].available, 2U);  // the third function carries a vGPU already
}

TEST(Functions, OfOlderNvidiaAreMediatedDevices) {
  const Facts facts = read_facts(testing::load_machine("nvidia-mdev"));
  const Diagnosis diagnosis = diagnose(facts);
  ASSERT_EQ(diagnosis.gpus.size(), 1U);
  EXPECT_EQ(diagnosis.gpus.front().types_of, "sr-iov");
  const auto& types = diagnosis.gpus.front().capacity.types;
  ASSERT_EQ(types.size(), 2U);
  EXPECT_EQ(types[0].name, "GRID T4-2Q");
  EXPECT_EQ(types[0].available, 8U);
}

// AMD has no driver for Windows guests on its accelerators, and there is nothing that draws.
TEST(Diagnosis, AnAcceleratorIsForLinuxGuests) {
  for (const char* machine : {"instinct-gim", "instinct-amdgpu"}) {
    const Facts facts = read_facts(testing::load_machine(machine));
    const Diagnosis diagnosis = diagnose(facts);
    EXPECT_FALSE(diagnosis.windows.has_value()) << machine;
    EXPECT_EQ(verdict_text(diagnosis, "virtio-gpu"), "impossible") << machine;
  }
}

TEST(Diagnosis, TellsWhatTheBetterWayNeeds) {
  const Facts facts = read_facts(testing::load_machine("comet-lake-plain"));
  const Diagnosis diagnosis = diagnose(facts);
  ASSERT_NE(diagnosis.linux_guest->better, nullptr);
  EXPECT_EQ(diagnosis.linux_guest->better->deciding.size(), 3U);
}

}  // namespace
}  // namespace cleave
