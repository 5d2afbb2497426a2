// What each way wants of the host: a contract over all machines, and the single cases.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "plan/boot/loader.h"
#include "support/machine.h"
#include "ways/way.h"

namespace cleave {
namespace {

Facts machine(std::string_view name) { return read_facts(testing::load_machine(name)); }

const Mode& mode_of(const Way& way, std::string_view id) {
  const auto modes = way.modes();
  return *std::ranges::find(modes, id, [](const Mode& mode) { return std::string_view(mode.id); });
}

Result<Preparation> prepare(const Facts& facts, std::string_view way, std::string_view mode,
                            std::size_t gpu = 0) {
  const Way& chosen = *find_way(way);
  return chosen.prepare(facts, *gpus_of(facts).at(gpu), mode_of(chosen, mode));
}

std::string joined(const std::vector<Message>& messages) {
  std::string text;
  for (const Message& message : messages) text += english(message) + "\n";
  return text;
}

std::vector<std::string> lines_of(const Preparation& preparation, HostFile file) {
  std::vector<std::string> all;
  for (const HostLine& line : preparation.lines) {
    if (line.file == file) all.push_back(line.line);
  }
  return all;
}

// The udev rules that bind a device; the one with the rights is on every machine.
std::vector<std::string> bindings(const Preparation& preparation) {
  auto all = lines_of(preparation, HostFile::Udev);
  std::erase_if(all, [](const std::string& line) { return !line.contains("driver_override"); });
  return all;
}

// A machine and what is different on it, in the format of tests/machines (host/memory_host.h).
Facts composed(const std::string& base, const std::string& changes) {
  const std::string text = "Composed.\n== include " + base + ".machine\n" + changes;
  const auto host = parse_machine(text, [](const std::string& included) -> Result<std::string> {
    return testing::read_test_file("machines/" + included);
  });
  EXPECT_TRUE(host.has_value()) << english(host.error());
  return host ? read_facts(*host) : Facts();
}

std::string command_line(const std::string& text) { return "== /proc/cmdline\n" + text + "\n"; }

// --- The contract
// ---------------------------------------------------------------------------------

struct Case {
  std::string name;  // for messages
  const Mode* mode = nullptr;
  Verdict verdict = Verdict::Unknown;
  std::vector<const Finding*> deciding;
  Result<Preparation> preparation;
};

// Every mode that applies to any GPU of the machine. `findings` must outlive the cases.
std::vector<Case> cases_of(const std::string& name, const Facts& facts,
                           const std::vector<Finding>& findings) {
  std::vector<Case> cases;
  for (const PciDevice* gpu : gpus_of(facts)) {
    for (const Way* way : all_ways()) {
      for (const ModeVerdict& verdict : judge(*way, *gpu, findings).modes) {
        cases.push_back(
            {.name = name + " " + to_text(gpu->address) + " " + way->id() + " " + verdict.mode->id,
             .mode = verdict.mode,
             .verdict = verdict.verdict,
             .deciding = verdict.deciding,
             .preparation = way->prepare(facts, *gpu, *verdict.mode)});
      }
    }
  }
  return cases;
}

// Every field of a message has its value.
void expect_complete(const Message& message) {
  const std::string text = english(message);
  EXPECT_FALSE(text.empty());
  EXPECT_FALSE(text.contains('{')) << text;
}

void expect_reasons(const Preparation& preparation) {
  for (const KernelWord& argument : preparation.arguments) {
    expect_complete(argument.reason);
    expect_complete(argument.cost);
  }
  for (const HostLine& line : preparation.lines) {
    expect_complete(line.reason);
    EXPECT_EQ(lines(line.line).size(), 1U) << line.line;
  }
  for (const Message& remark : preparation.remarks) expect_complete(remark);
}

void expect_no_duplicates(const Preparation& preparation) {
  std::set<std::string> parameters;
  for (const KernelWord& argument : preparation.arguments) {
    const std::string name = argument.word.substr(0, argument.word.find('='));
    EXPECT_TRUE(parameters.insert(name).second) << argument.word;
  }
  std::set<std::pair<HostFile, std::string>> seen;
  for (const HostLine& line : preparation.lines) {
    EXPECT_TRUE(seen.insert({line.file, line.line}).second) << line.line;
  }
}

bool has_word(const Preparation& preparation, std::string_view word) {
  return std::ranges::find(preparation.arguments, word, &KernelWord::word) !=
         preparation.arguments.end();
}

void expect_no_contradiction(const Preparation& preparation) {
  EXPECT_FALSE(has_word(preparation, "i915.enable_guc=3") &&
               has_word(preparation, "i915.enable_gvt=1"));
  for (const KernelWord& argument : preparation.arguments) {
    // A module that something is asked of may not be kept away at the same time.
    if (!argument.word.starts_with("module_blacklist=")) continue;
    for (const std::string_view module : split(argument.word.substr(17), ',')) {
      for (const KernelWord& other : preparation.arguments) {
        EXPECT_FALSE(other.word.starts_with(std::string(module) + ".")) << other.word;
      }
    }
  }
}

TEST(PrepareContract, WhatIsWantedCanBeWrittenAndSaysWhy) {
  std::size_t prepared = 0;
  for (const std::string& name : testing::machine_names()) {
    const Facts facts = machine(name);
    const std::vector<Finding> findings = run_rules(facts);
    for (const Case& one : cases_of(name, facts, findings)) {
      if (!one.preparation) continue;
      SCOPED_TRACE(one.name);
      ++prepared;
      EXPECT_TRUE(check_words(words_of(one.preparation->arguments)).has_value());
      expect_reasons(*one.preparation);
      expect_no_duplicates(*one.preparation);
      expect_no_contradiction(*one.preparation);
    }
  }
  EXPECT_GT(prepared, 100U);
}

bool is_out_of_reach(const Finding& finding) {
  const Fixer fixer = finding.rule->fixer;
  return finding.outcome.kind == OutcomeKind::Fail &&
         (fixer == Fixer::Firmware || fixer == Fixer::Vendor || fixer == Fixer::Nobody);
}

TEST(PrepareContract, NothingIsPreparedThatNobodyHereCanMakeGood) {
  std::size_t refused = 0;
  for (const std::string& name : testing::machine_names()) {
    const Facts facts = machine(name);
    const std::vector<Finding> findings = run_rules(facts);
    for (const Case& one : cases_of(name, facts, findings)) {
      SCOPED_TRACE(one.name);
      const auto reason = std::ranges::find_if(
          one.deciding, [](const Finding* finding) { return is_out_of_reach(*finding); });
      if (reason == one.deciding.end()) continue;
      ++refused;
      ASSERT_FALSE(one.preparation.has_value());
      EXPECT_EQ(one.preparation.error().code, ErrorCode::Unsupported);
      const Finding& finding = **reason;
      EXPECT_EQ(one.preparation.error().context.front().text, finding.rule->why);
      EXPECT_EQ(one.preparation.error().remedy.text, finding.rule->remedy);
    }
  }
  EXPECT_GT(refused, 100U);
}

// What is ready got so by the words of its command line, and these are still wanted: nothing is to
// be added, or the set-up of a machine that works would change.
TEST(PrepareContract, AReadyMachineHasItsWordsAlready) {
  std::size_t ready = 0;
  for (const std::string& name : testing::machine_names()) {
    const Facts facts = machine(name);
    const std::vector<Finding> findings = run_rules(facts);
    const KernelCommandLine* line = facts.kernel.command_line.value();
    if (line == nullptr) continue;
    for (const Case& one : cases_of(name, facts, findings)) {
      if (one.verdict != Verdict::Ready) continue;
      SCOPED_TRACE(one.name);
      ++ready;
      ASSERT_TRUE(one.preparation.has_value()) << english(one.preparation.error());
      const auto missing = words_to_add(line->text, words_of(one.preparation->arguments));
      EXPECT_TRUE(missing.empty()) << join(missing, " ");
    }
  }
  EXPECT_GT(ready, 50U);
}

TEST(PrepareContract, ARefusalSaysWhyAndWhatToDo) {
  for (const std::string& name : testing::machine_names()) {
    const Facts facts = machine(name);
    const std::vector<Finding> findings = run_rules(facts);
    for (const Case& one : cases_of(name, facts, findings)) {
      if (one.preparation) continue;
      SCOPED_TRACE(one.name);
      const Error& error = one.preparation.error();
      EXPECT_EQ(error.code, ErrorCode::Unsupported);
      expect_complete(error.message);
      ASSERT_FALSE(error.context.empty());
      for (const Message& why : error.context) expect_complete(why);
      expect_complete(error.remedy);
    }
  }
}

// --- The IOMMU
// ------------------------------------------------------------------------------------

constexpr const char* kNoIommu =
    "== /sys/class/iommu !ENOENT\n== /sys/class/iommu/\n"
    "== /sys/kernel/iommu_groups !ENOENT\n== /sys/kernel/iommu_groups/\n"
    "== /sys/devices/pci0000:00/0000:00:02.0/iommu_group !ENOENT\n";

TEST(PrepareIommu, IsSwitchedOnWhereTheKernelLeavesItOff) {
  const Facts facts = composed("comet-lake-debian", kNoIommu + command_line("ro quiet"));
  const auto wanted = prepare(facts, "passthrough", "igd-uefi");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_EQ(words_of(wanted->arguments), std::vector<std::string>{"intel_iommu=on"});
}

TEST(PrepareIommu, IsLeftAloneWhereTheKernelHasItOnByItself) {
  const auto wanted = prepare(machine("panther-lake"), "passthrough", "igd-uefi");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(wanted->arguments.empty());
}

TEST(PrepareIommu, StaysWantedWhereOnlyTheCommandLineSwitchesItOn) {
  const auto wanted = prepare(machine("nvidia-only"), "passthrough", "discrete");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(has_word(*wanted, "intel_iommu=on"));
}

// The words are on the command line and the GPU is in no group all the same.
TEST(PrepareIommu, IsNotAskedForTwiceWhereItDoesNotHelp) {
  const Facts facts =
      composed("comet-lake-debian", kNoIommu + command_line("quiet intel_iommu=on"));
  const auto wanted = prepare(facts, "passthrough", "igd-uefi");
  ASSERT_FALSE(wanted.has_value());
  EXPECT_TRUE(english(wanted.error().remedy).contains("in the firmware"));
}

TEST(PrepareIommu, AmdNeedsNoArgumentAndItsOffIsExplained) {
  const auto on = prepare(machine("amd-only"), "passthrough", "discrete");
  ASSERT_TRUE(on.has_value()) << english(on.error());
  EXPECT_TRUE(on->arguments.empty());
  const auto off = prepare(machine("amd-no-iommu"), "passthrough", "discrete");
  ASSERT_FALSE(off.has_value());
  EXPECT_TRUE(english(off.error()).contains("amd_iommu=off"));
  EXPECT_TRUE(english(off.error().remedy).contains("Take amd_iommu=off off"));
}

TEST(PrepareIommu, OffAndOnAgainIsOn) {
  const Facts off = composed("comet-lake-debian", kNoIommu + command_line("intel_iommu=off"));
  EXPECT_FALSE(prepare(off, "passthrough", "igd-uefi").has_value());
  const Facts whole = composed("comet-lake-debian", kNoIommu + command_line("iommu=soft,off"));
  EXPECT_FALSE(prepare(whole, "passthrough", "igd-uefi").has_value());
  const Facts again =
      composed("comet-lake-debian", command_line("intel_iommu=off intel_iommu=on,sm_off"));
  const auto wanted = prepare(again, "passthrough", "igd-uefi");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(words_to_add("intel_iommu=on,sm_off", words_of(wanted->arguments)).empty());
}

TEST(PrepareIommu, IgfxOffIsExplainedAndNeverCut) {
  const Facts facts = machine("comet-lake-igfx-off");
  const auto whole = prepare(facts, "passthrough", "igd-uefi");
  ASSERT_FALSE(whole.has_value());
  EXPECT_EQ(whole.error().code, ErrorCode::Unsupported);
  EXPECT_TRUE(english(whole.error()).contains("intel_iommu=on,igfx_off"));
  EXPECT_TRUE(english(whole.error().remedy).contains("Take igfx_off out"));
  const auto shared = prepare(facts, "gvt-g", "gvt-g");
  ASSERT_TRUE(shared.has_value()) << english(shared.error());
  EXPECT_TRUE(joined(shared->remarks).contains("intel_iommu=on,igfx_off stays as it is"));
}

TEST(PrepareIommu, IgfxOffSaysNothingAboutAGraphicsCard) {
  const Facts facts = composed("comet-lake-hybrid", command_line("intel_iommu=on,igfx_off"));
  const auto wanted = prepare(facts, "passthrough", "discrete", 1);
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(joined(wanted->remarks).contains("does not keep this GPU out"));
}

// --- SR-IOV
// ---------------------------------------------------------------------------------------

// Tiger Lake with the kernel that knows it, still driven by i915.
Facts tiger_lake(const std::string& words) {
  return composed("tiger-lake-xe",
                  command_line(words) +
                      "== /sys/devices/pci0000:00/0000:00:02.0/driver -> "
                      "../../../bus/pci/drivers/i915\n== /sys/bus/pci/drivers/i915/\n"
                      "== /sys/module/xe !ENOENT\n"
                      "== /sys/module/i915/initstate\nlive\n");
}

TEST(PrepareSrIov, XeIsGivenTheGpuThatI915Has) {
  const auto wanted = prepare(tiger_lake("ro quiet"), "sr-iov", "xe");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_EQ(words_of(wanted->arguments),
            (std::vector<std::string>{"xe.force_probe=9a49", "i915.force_probe=!9a49"}));
  EXPECT_EQ(lines_of(*wanted, HostFile::ModulesLoad), std::vector<std::string>{"vfio-pci"});
  // The other driver is what these words change; nobody has to do more about it.
  EXPECT_FALSE(joined(wanted->remarks).contains("module_blacklist="));
  EXPECT_TRUE(joined(wanted->remarks).contains("cleave vgpu define --parent"));
}

TEST(PrepareSrIov, ListsOfThePersonAreKept) {
  const auto more =
      prepare(tiger_lake("xe.force_probe=46a6 i915.force_probe=56a0"), "sr-iov", "xe");
  ASSERT_TRUE(more.has_value()) << english(more.error());
  EXPECT_TRUE(has_word(*more, "xe.force_probe=46a6,9a49"));
  EXPECT_TRUE(has_word(*more, "i915.force_probe=56a0,!9a49"));
  const auto against = prepare(tiger_lake("xe.force_probe=!9A49"), "sr-iov", "xe");
  ASSERT_TRUE(against.has_value()) << english(against.error());
  EXPECT_TRUE(has_word(*against, "xe.force_probe=9a49"));
  const auto same = prepare(tiger_lake("xe.force_probe=9A49,46a6"), "sr-iov", "xe");
  ASSERT_TRUE(same.has_value()) << english(same.error());
  EXPECT_TRUE(has_word(*same, "xe.force_probe=9A49,46a6"));
  const auto both = prepare(tiger_lake("xe.force_probe=9a49,!9a49"), "sr-iov", "xe");
  ASSERT_TRUE(both.has_value()) << english(both.error());
  EXPECT_TRUE(has_word(*both, "xe.force_probe=9a49"));
  const auto all = prepare(tiger_lake("xe.force_probe=*"), "sr-iov", "xe");
  ASSERT_TRUE(all.has_value()) << english(all.error());
  EXPECT_TRUE(has_word(*all, "xe.force_probe=*"));
}

TEST(PrepareSrIov, NoGpuIsLeftWithoutADriver) {
  const auto refused = prepare(tiger_lake("module_blacklist=nouveau,xe"), "sr-iov", "xe");
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(english(refused.error()).contains("module_blacklist=nouveau,xe"));
  const Facts by_file = composed("panther-lake", "== /etc/modprobe.d/mine.conf\nblacklist xe\n");
  const auto file = prepare(by_file, "sr-iov", "xe");
  ASSERT_FALSE(file.has_value());
  EXPECT_TRUE(english(file.error()).contains("/etc/modprobe.d/mine.conf"));
}

TEST(PrepareSrIov, PantherLakeNeedsNoWords) {
  const auto wanted = prepare(machine("panther-lake"), "sr-iov", "xe");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(wanted->arguments.empty());
  const auto rules = lines_of(*wanted, HostFile::Udev);
  EXPECT_TRUE(std::ranges::any_of(rules, [](const std::string& line) {
    return line.contains(R"(KERNEL=="0000:00:02.0")") &&
           line.contains(R"(ATTR{sriov_drivers_autoprobe}="0")");
  }));
  EXPECT_TRUE(bindings(*wanted).empty());
}

TEST(PrepareSrIov, MaxVfsOfNoneIsRaised) {
  const Facts none = composed("panther-lake", command_line("xe.max_vfs=0") +
                                                  "== /sys/devices/pci0000:00/0000:00:02.0/"
                                                  "sriov_totalvfs\n0\n"
                                                  "== /sys/module/xe/parameters/max_vfs\n0\n");
  const auto raised = prepare(none, "sr-iov", "xe");
  ASSERT_TRUE(raised.has_value()) << english(raised.error());
  EXPECT_TRUE(has_word(*raised, "xe.max_vfs=7"));
  const auto kept = prepare(composed("panther-lake", command_line("xe.max_vfs=2")), "sr-iov", "xe");
  ASSERT_TRUE(kept.has_value()) << english(kept.error());
  EXPECT_TRUE(has_word(*kept, "xe.max_vfs=2"));
}

TEST(PrepareSrIov, TheModuleFromOutsideTheKernel) {
  const Facts facts = machine("alder-lake-p-dkms");
  const auto wanted = prepare(facts, "sr-iov", "i915-sriov-dkms");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_EQ(words_of(wanted->arguments),
            (std::vector<std::string>{"intel_iommu=on", "i915.enable_guc=3", "i915.max_vfs=7",
                                      "module_blacklist=xe"}));
  // Its xe is not the kernel's.
  const auto in_tree = prepare(facts, "sr-iov", "xe");
  ASSERT_FALSE(in_tree.has_value());
  EXPECT_TRUE(english(in_tree.error().remedy).contains("remove i915-sriov-dkms"));
}

TEST(PrepareSrIov, TheModuleKeepsWhatThePersonSaid) {
  const Facts facts = composed(
      "alder-lake-p-dkms",
      command_line("intel_iommu=on i915.enable_guc=1 i915.max_vfs=3 module_blacklist=nouveau"));
  const auto wanted = prepare(facts, "sr-iov", "i915-sriov-dkms");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_EQ(words_of(wanted->arguments),
            (std::vector<std::string>{"intel_iommu=on", "i915.enable_guc=1", "i915.max_vfs=3",
                                      "module_blacklist=nouveau,xe"}));
  const Facts xe = composed("alder-lake-p-dkms",
                            command_line("intel_iommu=on xe.force_probe=46a6 xe.max_vfs=7 "
                                         "module_blacklist=i915") +
                                "== /sys/devices/pci0000:00/0000:00:02.0/driver -> "
                                "../../../bus/pci/drivers/xe\n== /sys/bus/pci/drivers/xe/\n");
  const auto other = prepare(xe, "sr-iov", "i915-sriov-dkms");
  ASSERT_TRUE(other.has_value()) << english(other.error());
  EXPECT_EQ(words_of(other->arguments),
            (std::vector<std::string>{"intel_iommu=on", "xe.force_probe=46a6", "xe.max_vfs=7",
                                      "module_blacklist=i915"}));
}

TEST(PrepareSrIov, WithoutItsModuleThePackageIsNamed) {
  const auto refused = prepare(machine("tiger-lake"), "sr-iov", "i915-sriov-dkms");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
  EXPECT_TRUE(english(refused.error().message).contains("sr-iov (i915-sriov-dkms)"));
  EXPECT_TRUE(english(refused.error().remedy).contains("Install i915-sriov-dkms"));
}

TEST(PrepareSrIov, OthersSoftwareIsTheirs) {
  const auto nvidia = prepare(machine("nvidia-vgpu"), "sr-iov", "nvidia");
  ASSERT_TRUE(nvidia.has_value()) << english(nvidia.error());
  EXPECT_TRUE(joined(nvidia->remarks).contains("NVIDIA Corporation"));
  EXPECT_TRUE(lines_of(*nvidia, HostFile::ModulesLoad).empty());
  const auto gim = prepare(machine("instinct-gim"), "sr-iov", "amd-gim");
  ASSERT_TRUE(gim.has_value()) << english(gim.error());
  EXPECT_EQ(lines_of(*gim, HostFile::ModulesLoad), std::vector<std::string>{"vfio-pci"});
  EXPECT_TRUE(gim->arguments.empty());
  // The driver that makes the functions is not there yet: said, and left to a person.
  const auto before = prepare(machine("instinct-amdgpu"), "sr-iov", "amd-gim");
  ASSERT_TRUE(before.has_value()) << english(before.error());
  EXPECT_TRUE(joined(before->remarks).contains("Have gim drive the GPU"));
}

// --- Whole passthrough
// ----------------------------------------------------------------------------

// The desktop with a second card of the same kind, to which no display is connected.
constexpr const char* kTwin =
    "== /sys/bus/pci/devices/0000:0b:00.0 -> ../../../devices/pci0000:00/0000:0b:00.0\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/vendor\n0x1002\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/device\n0x73ff\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/class\n0x030000\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/boot_vga\n0\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/driver -> ../../../bus/pci/drivers/amdgpu\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/iommu_group -> ../../../kernel/iommu_groups/30\n"
    "== /sys/bus/pci/devices/0000:0b:00.1 -> ../../../devices/pci0000:00/0000:0b:00.1\n"
    "== /sys/devices/pci0000:00/0000:0b:00.1/vendor\n0x1002\n"
    "== /sys/devices/pci0000:00/0000:0b:00.1/device\n0xab28\n"
    "== /sys/devices/pci0000:00/0000:0b:00.1/class\n0x040300\n"
    "== /sys/devices/pci0000:00/0000:0b:00.1/iommu_group -> ../../../kernel/iommu_groups/31\n";

TEST(PreparePassthrough, OnlyTheCardAtItsAddressIsBoundWithAllItsFunctions) {
  const Facts facts = composed("amd-only", kTwin);
  const auto second = prepare(facts, "passthrough", "discrete", 1);
  ASSERT_TRUE(second.has_value()) << english(second.error());
  EXPECT_EQ(bindings(*second),
            (std::vector<std::string>{
                R"(ACTION=="add", SUBSYSTEM=="pci", ENV{cleave.early_binding}!="off", )"
                R"(KERNEL=="0000:0b:00.0", )"
                R"(ATTR{vendor}=="0x1002", ATTR{device}=="0x73ff", )"
                R"(ATTR{driver_override}="vfio-pci", ATTR{[subsystem/pci]drivers_probe}="$kernel")",
                R"(ACTION=="add", SUBSYSTEM=="pci", ENV{cleave.early_binding}!="off", )"
                R"(KERNEL=="0000:0b:00.1", )"
                R"(ATTR{vendor}=="0x1002", ATTR{device}=="0xab28", )"
                R"(ATTR{driver_override}="vfio-pci", )"
                R"(ATTR{[subsystem/pci]drivers_probe}="$kernel")"}));
  for (const HostLine& line : second->lines) {
    EXPECT_TRUE(!line.line.contains("driver_override") || !line.cost.empty()) << line.line;
  }
  EXPECT_TRUE(second->arguments.empty());
  // The first has the host's screen.
  const auto first = prepare(facts, "passthrough", "discrete", 0);
  ASSERT_TRUE(first.has_value()) << english(first.error());
  EXPECT_TRUE(bindings(*first).empty());
  EXPECT_TRUE(joined(first->remarks).contains("shows its own screen on it"));
}

// As after the restart: the rule is still wanted.
TEST(PreparePassthrough, ABoundCardStaysBound) {
  const Facts facts = composed(
      "amd-only", std::string(kTwin) +
                      "== /sys/devices/pci0000:00/0000:0b:00.0/driver -> "
                      "../../../bus/pci/drivers/vfio-pci\n== /sys/bus/pci/drivers/vfio-pci/\n");
  const auto wanted = prepare(facts, "passthrough", "discrete", 1);
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_EQ(bindings(*wanted).size(), 2U);
  EXPECT_FALSE(joined(wanted->remarks).contains("initramfs"));
  EXPECT_TRUE(wanted->early_devices.empty());  // nothing tells which tool makes the initramfs
}

// Graphics of a Ryzen processor: its USB controllers sit at the same place.
TEST(PreparePassthrough, WhatIsNoCardIsNotBound) {
  const Facts facts = composed(
      "amd-only",
      std::string(kTwin) +
          "== /sys/bus/pci/devices/0000:0b:00.2 -> ../../../devices/pci0000:00/0000:0b:00.2\n"
          "== /sys/devices/pci0000:00/0000:0b:00.2/vendor\n0x1022\n"
          "== /sys/devices/pci0000:00/0000:0b:00.2/device\n0x1649\n"
          "== /sys/devices/pci0000:00/0000:0b:00.2/class\n0x108000\n");
  const auto wanted = prepare(facts, "passthrough", "discrete", 1);
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(bindings(*wanted).empty());
  EXPECT_TRUE(joined(wanted->remarks).contains("0000:0b:00.2"));
}

// Its USB controllers alone tell, too: they are another vendor's.
TEST(PreparePassthrough, TheMachinesUsbIsNotTaken) {
  const Facts facts = composed(
      "amd-only",
      std::string(kTwin) +
          "== /sys/bus/pci/devices/0000:0b:00.3 -> ../../../devices/pci0000:00/0000:0b:00.3\n"
          "== /sys/devices/pci0000:00/0000:0b:00.3/vendor\n0x1022\n"
          "== /sys/devices/pci0000:00/0000:0b:00.3/device\n0x15b6\n"
          "== /sys/devices/pci0000:00/0000:0b:00.3/class\n0x0c0330\n");
  const auto wanted = prepare(facts, "passthrough", "discrete", 1);
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(bindings(*wanted).empty());
  EXPECT_TRUE(joined(wanted->remarks).contains("0000:0b:00.3"));
}

TEST(PreparePassthrough, ACardInASharedGroupIsNotTakenFromTheHost) {
  const Facts facts = composed(
      "amd-only",
      std::string(kTwin) +
          "== /sys/bus/pci/devices/0000:0c:00.0 -> ../../../devices/pci0000:00/0000:0c:00.0\n"
          "== /sys/devices/pci0000:00/0000:0c:00.0/vendor\n0x8086\n"
          "== /sys/devices/pci0000:00/0000:0c:00.0/device\n0x15f3\n"
          "== /sys/devices/pci0000:00/0000:0c:00.0/class\n0x020000\n"
          "== /sys/devices/pci0000:00/0000:0c:00.0/iommu_group -> "
          "../../../kernel/iommu_groups/30\n");
  const auto wanted = prepare(facts, "passthrough", "discrete", 1);
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(bindings(*wanted).empty());
  EXPECT_TRUE(joined(wanted->remarks).contains("other devices are in its IOMMU group"));
  EXPECT_TRUE(joined(wanted->remarks).contains("Put the card into another slot"));
}

TEST(PreparePassthrough, IntegratedGraphicsAreNeverBoundAtBoot) {
  for (const char* mode : {"igd-uefi", "igd-legacy"}) {
    const auto wanted = prepare(machine("comet-lake-debian"), "passthrough", mode);
    ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
    EXPECT_TRUE(bindings(*wanted).empty());
    EXPECT_EQ(lines_of(*wanted, HostFile::ModulesLoad), std::vector<std::string>{"vfio-pci"});
    EXPECT_TRUE(joined(wanted->remarks).contains("no screen on it while the VM runs"));
  }
}

TEST(PreparePassthrough, TheInitramfsKeepsTheWholeCardWhateverMakesIt) {
  const std::string drop_ins = "== /etc/mkinitcpio.conf.d/own.conf\n\n";
  for (const auto& [tool, seen] : {std::pair{"initramfs-tools", "== /usr/sbin/mkinitramfs\n\n"},
                                   {"dracut", "== /usr/bin/dracut\n\n"},
                                   {"mkinitcpio", "== /usr/bin/mkinitcpio\n\n"}}) {
    const auto wanted =
        prepare(composed("amd-only", kTwin + drop_ins + seen), "passthrough", "discrete", 1);
    ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
    EXPECT_EQ(wanted->initramfs_tool, tool);
    EXPECT_EQ(wanted->early_devices, (std::vector<EarlyDevice>{{"0000:0b:00.0", 0x1002, 0x73ff},
                                                               {"0000:0b:00.1", 0x1002, 0xab28}}));
    EXPECT_FALSE(joined(wanted->remarks).contains("initramfs"));
  }
}

TEST(PreparePassthrough, WhereTheInitramfsIsSomebodyElsesItIsSaid) {
  for (const char* seen :
       {"== /usr/bin/booster\n\n",
        // Before its version 37, without a directory of drop-ins.
        "== /usr/bin/mkinitcpio\n\n", "== /usr/bin/dracut\n\n== /run/ostree-booted\n\n", ""}) {
    const auto wanted = prepare(composed("comet-lake-hybrid", seen), "passthrough", "discrete", 1);
    ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
    EXPECT_TRUE(wanted->early_devices.empty()) << seen;
    EXPECT_TRUE(joined(wanted->remarks).contains("keep it out of the initramfs")) << seen;
  }
}

TEST(PreparePassthrough, ACardThatTheHostShowsItsScreenOnIsNotBoundEarly) {
  const Facts facts = composed("amd-only", std::string(kTwin) + "== /usr/sbin/mkinitramfs\n\n");
  const auto first = prepare(facts, "passthrough", "discrete", 0);
  ASSERT_TRUE(first.has_value()) << english(first.error());
  EXPECT_TRUE(first->early_devices.empty());
}

TEST(PreparePassthrough, AKernelThatLeavesTheGpuOutIsAReasonNotAPlan) {
  const auto refused = prepare(machine("comet-lake-ready"), "passthrough", "igd-uefi");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
  EXPECT_TRUE(english(refused.error()).contains("6.8.0-60-generic"));
  EXPECT_TRUE(english(refused.error().remedy).contains("No kernel argument takes the list back"));
}

TEST(PreparePassthrough, VgaRangesAreGivenBackWithoutCuttingAnything) {
  const Facts facts = composed("comet-lake-debian", command_line("vfio-pci.disable_vga=1"));
  const auto wanted = prepare(facts, "passthrough", "igd-uefi");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(has_word(*wanted, "vfio-pci.disable_vga=0"));
}

// --- virtio-gpu and all
// ---------------------------------------------------------------------------

TEST(PrepareVirtioGpu, ChangesNothingAndNamesTheGroup) {
  const auto wanted = prepare(machine("comet-lake-ready"), "virtio-gpu", "virgl");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(wanted->arguments.empty());
  EXPECT_TRUE(wanted->lines.empty());
  EXPECT_TRUE(joined(wanted->remarks).contains("sudo usermod -aG render NAME"));
}

TEST(PrepareVirtioGpu, AnAcceleratorDrawsNothing) {
  const auto refused = prepare(machine("instinct-amdgpu"), "virtio-gpu", "virgl");
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(english(refused.error()).contains("it computes"));
}

TEST(Prepare, AModeOfOtherGpusIsRefused) {
  const auto refused = prepare(machine("amd-only"), "sr-iov", "xe");
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(english(refused.error()).contains("xe is not for such a GPU"));
}

// Composed: no distribution's kernel is built so (CONFIG_VFIO_GROUP=n).
TEST(Prepare, WithoutGroupsTheDevicesNodesAreOpened) {
  const auto wanted = prepare(
      composed("amd-only", std::string(kTwin) + "== /etc/group\nkvm:x:108:\n"
                                                "== /sys/class/vfio-dev/vfio0/dev\n511:0\n"),
      "passthrough", "discrete", 1);
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  const std::string rules = join(lines_of(*wanted, HostFile::Udev), "\n");
  EXPECT_TRUE(rules.contains(R"(SUBSYSTEM=="vfio-dev", GROUP="kvm", MODE="0660")")) << rules;
  EXPECT_TRUE(rules.contains(R"(KERNEL=="iommu", GROUP="kvm", MODE="0660")")) << rules;
  EXPECT_FALSE(rules.contains(R"(SUBSYSTEM=="vfio",)")) << rules;
}

TEST(Prepare, WhoMayUseKvmGetsTheDevices) {
  const Facts facts = composed("panther-lake", "== /etc/group\nkvm:x:109:\n");
  for (const auto& [way, mode] :
       {std::pair("sr-iov", "xe"), std::pair("passthrough", "igd-uefi")}) {
    const auto wanted = prepare(facts, way, mode);
    ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
    EXPECT_FALSE(lines_of(*wanted, HostFile::Limits).empty());
    EXPECT_TRUE(std::ranges::any_of(lines_of(*wanted, HostFile::Udev), [](const std::string& line) {
      return line.starts_with(R"(SUBSYSTEM=="vfio")");
    }));
  }
}

// GVT-g, as every way: what only the firmware can change is said first.
TEST(Prepare, GvtGAsksForNothingOnAGpuThatHasNone) {
  const auto refused = prepare(machine("ice-lake"), "gvt-g", "gvt-g");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
  const auto wanted = prepare(machine("comet-lake-plain"), "gvt-g", "gvt-g");
  ASSERT_TRUE(wanted.has_value()) << english(wanted.error());
  EXPECT_TRUE(has_word(*wanted, "i915.enable_gvt=1"));
}

}  // namespace
}  // namespace cleave
