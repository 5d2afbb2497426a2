// Verdicts on the captured machines, and what stands behind them.
#include <gtest/gtest.h>

#include <algorithm>

#include "facts/readers/read_facts.h"
#include "support/machine.h"
#include "ways/way.h"

namespace cleave {
namespace {

struct Expected {
  const char* machine;
  const char* verdict;  // of gvt-g on the first GPU; "" where there is none
  std::vector<std::string> deciding;
};

TEST(Diagnosis, VerdictOfEachMachine) {
  const std::vector<Expected> machines = {
      {"comet-lake-ready", "ready", {}},
      {"comet-lake-one-v5-4-used", "ready", {}},
      {"comet-lake-plain",
       "needs-changes",
       {"gvt_g.parameter_enable_gvt", "gvt_g.module_kvmgt", "gvt_g.mdev_parent"}},
      {"kabylake-guc", "needs-changes", {"gvt_g.guc_submission", "gvt_g.mdev_parent"}},
      {"gemini-lake-unsupported", "impossible", {"gvt_g.generation"}},
      {"tiger-lake", "impossible", {"gvt_g.generation"}},
      {"amd-only", "impossible", {"gpu.vendor"}},
      {"nvidia-only", "impossible", {"gpu.vendor"}},
      {"no-gpu-vm", "", {}},
  };
  for (const Expected& expected : machines) {
    SCOPED_TRACE(expected.machine);
    const Facts facts = read_facts(testing::load_machine(expected.machine));
    const Diagnosis diagnosis = diagnose(facts);
    if (*expected.verdict == '\0') {
      EXPECT_TRUE(diagnosis.gpus.empty());
      continue;
    }
    ASSERT_FALSE(diagnosis.gpus.empty());
    const WayVerdict& way = diagnosis.gpus.front().ways.front();
    EXPECT_EQ(way.way, "gvt-g");
    EXPECT_STREQ(verdict_name(way.verdict), expected.verdict);
    EXPECT_EQ(diagnosis.ready(), way.verdict == Verdict::Ready);
    std::vector<std::string> ids;
    for (const Finding* finding : way.deciding) ids.emplace_back(finding->rule->id);
    for (const std::string& id : expected.deciding) {
      EXPECT_NE(std::ranges::find(ids, id), ids.end()) << id << " does not decide";
    }
    EXPECT_EQ(ids.empty(), expected.deciding.empty());
  }
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

TEST(Diagnosis, EveryNeedOfEveryWayIsARuleThatCanBlock) {
  for (const Way* way : all_ways()) {
    EXPECT_EQ(find_way(way->id()), way);
    for (const std::string& need : way->needs()) {
      const Rule* rule = find_rule(need);
      ASSERT_NE(rule, nullptr) << need;
      EXPECT_NE(rule->level, RuleLevel::Advice) << need;
    }
  }
  EXPECT_EQ(find_way("no-way"), nullptr);
}

}  // namespace
}  // namespace cleave
