// Each rule on a machine built by hand: a good one, changed in one place.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "analysis/rule.h"
#include "base/format.h"
#include "unit/analysis/rule_cases.h"

namespace cleave {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

Outcome outcome_of(const Facts& facts, std::string_view id) {
  for (const Finding& finding : run_rules(facts)) {
    if (id == finding.rule->id) return finding.outcome;
  }
  ADD_FAILURE() << "rule " << id << " was not run";
  return Outcome::not_applicable();
}

std::vector<Case> machine_cases() {
  return {
      {"cpu.virtualisation", kPass, "vmx", [](Facts&) {}},
      {"cpu.virtualisation", kFail, "none", no_vmx},
      {"cpu.virtualisation", kUnknown, "closed", [](Facts& f) { f.cpu = kClosed; }},
      {"kvm.node", kPass, "there", [](Facts&) {}},
      {"kvm.node", kFail, "absent", [](Facts& f) { f.kvm.node = {Absent{}, "/dev/kvm"}; }},
      {"kvm.node", kFail, "a file", [](Facts& f) { f.kvm.node = known(false, "/dev/kvm"); }},
      {"kvm.node", kUnknown, "closed", [](Facts& f) { f.kvm.node = kClosed; }},
      {"kvm.node", kUnknown, "never read", [](Facts& f) { f.kvm.node = {}; }},
      {"kvm.node", kNone, "nothing to switch on",
       [](Facts& f) {
         no_vmx(f);
         f.kvm.node = {Absent{}, "/dev/kvm"};
       }},
      {"kvm.believable", kPass, "vmx", [](Facts&) {}},
      {"kvm.believable", kFail, "a node without vmx", no_vmx},
      {"kvm.believable", kUnknown, "cpu closed", [](Facts& f) { f.cpu = kClosed; }},
      {"kvm.believable", kNone, "no node", [](Facts& f) { f.kvm.node = {Absent{}, "/dev/kvm"}; }},
      {"kvm.accessible", kPass, "open", [](Facts&) {}},
      {"kvm.accessible", kFail, "closed to this user",
       [](Facts& f) { f.kvm.accessible = known(false, "/dev/kvm"); }},
      {"kvm.accessible", kUnknown, "closed", [](Facts& f) { f.kvm.accessible = kClosed; }},
      {"kvm.ignore_msrs", kPass, "Y", [](Facts&) {}},
      {"kvm.ignore_msrs", kFail, "N",
       [](Facts& f) { set_parameter(f, "kvm", "ignore_msrs", known<std::string>("N", "p")); }},
      {"kvm.ignore_msrs", kUnknown, "closed",
       [](Facts& f) { set_parameter(f, "kvm", "ignore_msrs", kClosed); }},
      {"iommu.firmware_table", kPass, "DMAR", [](Facts&) {}},
      {"iommu.firmware_table", kFail, "no table",
       [](Facts& f) { f.iommu.dmar_table = {Absent{}, "DMAR"}; }},
      {"iommu.firmware_table", kUnknown, "closed", [](Facts& f) { f.iommu.dmar_table = kClosed; }},
      {"iommu.present", kPass, "dmar0", [](Facts&) {}},
      {"iommu.present", kFail, "none", [](Facts& f) { f.iommu.units = {Absent{}, "iommu"}; }},
      {"iommu.present", kUnknown, "closed", [](Facts& f) { f.iommu.units = kClosed; }},
      {"limits.memory_lock", kPass, "unlimited", [](Facts&) {}},
      {"limits.memory_lock", kFail, "8 MB",
       [](Facts& f) { f.memory_lock = known(MemoryLockLimit{8 * kMegabyte, 8 * kMegabyte}, "l"); }},
      {"limits.memory_lock", kPass, "the hard limit counts",
       [](Facts& f) { f.memory_lock = known(MemoryLockLimit{8 * kMegabyte, std::nullopt}, "l"); }},
      {"limits.memory_lock", kUnknown, "closed", [](Facts& f) { f.memory_lock = kClosed; }},
      {"display.render_node", kPass, "there", [](Facts&) {}},
      {"display.render_node", kFail, "none", [](Facts& f) { f.render_nodes = {Absent{}, "d"}; }},
      {"display.render_node", kUnknown, "closed", [](Facts& f) { f.render_nodes = kClosed; }},
      {"gpu.present", kPass, "there", [](Facts&) {}},
      {"gpu.present", kFail, "none",
       [](Facts& f) { f.pci_devices = known(std::vector<PciDevice>(), "p"); }},
      {"gpu.present", kUnknown, "closed", [](Facts& f) { f.pci_devices = kClosed; }},
  };
}

std::vector<Case> gpu_cases() {
  const auto release = [](const char* text) {
    return [text](Facts& f) { f.kernel.release = known<std::string>(text, "osrelease"); };
  };
  const auto aperture = [](std::uint64_t megabytes) {
    return [megabytes](Facts& f) { set_aperture(gpu_of(f), megabytes); };
  };
  const auto guc = [](const char* value) {
    return [value](Facts& f) {
      set_parameter(f, "i915", "enable_guc", known<std::string>(value, "p"));
    };
  };
  const auto device = [](std::uint16_t id) { return [id](Facts& f) { gpu_of(f).device_id = id; }; };
  const auto gvt_on_line = [](const char* line, bool live) {
    return [line, live](Facts& f) {
      f.kernel.modules["i915"].parameters.erase("enable_gvt");
      if (live) set_parameter(f, "i915", "enable_gvt", kClosed);
      f.kernel.modules["kvmgt"].loaded = false;
      set_command_line(f, line);
    };
  };
  const auto no_module = [](Facts& f) { f.kernel.modules["kvmgt"] = {}; };
  return {
      {"gpu.vendor", kPass, "Intel", [](Facts&) {}},
      {"gpu.vendor", kFail, "AMD", [](Facts& f) { gpu_of(f).vendor_id = 0x1002; }},
      {"gvt_g.generation", kPass, "Comet Lake", [](Facts&) {}},
      {"gvt_g.generation", kFail, "Gemini Lake", device(0x3185)},
      {"gvt_g.generation", kUnknown, "an id of the future", device(0xFFF0)},
      {"gvt_g.generation", kNone, "AMD", [](Facts& f) { gpu_of(f).vendor_id = 0x1002; }},
      {"gvt_g.kvm", kPass, "vmx", [](Facts&) {}},
      {"gvt_g.kvm", kFail, "no vmx", no_vmx},
      {"gvt_g.kvm", kUnknown, "closed", [](Facts& f) { f.cpu = kClosed; }},
      {"gvt_g.kvm", kPass, "no vmx, but types are offered",
       [](Facts& f) {
         no_vmx(f);
         register_parent(f);
       }},
      {"gvt_g.kvm", kNone, "Tiger Lake", device(0x9A49)},
      {"gvt_g.aperture", kPass, "256 MB", aperture(256)},
      {"gvt_g.aperture", kPass, "2048 MB", aperture(2048)},
      {"gvt_g.aperture", kFail, "128 MB", aperture(128)},
      {"gvt_g.aperture", kFail, "4096 MB", aperture(4096)},
      {"gvt_g.aperture", kUnknown, "no list", [](Facts& f) { gpu_of(f).regions.clear(); }},
      {"gvt_g.kernel_span", kPass, "6.8", [](Facts&) {}},
      {"gvt_g.kernel_span", kFail, "5.19 on Comet Lake", release("5.19.0-23-generic")},
      {"gvt_g.kernel_span", kFail, "4.9", release("4.9.0")},
      {"gvt_g.kernel_span", kUnknown, "no number", release("custom")},
      {"gvt_g.kernel_span", kPass, "5.19 with the fix, as seen",
       [release](Facts& f) {
         release("5.19.17")(f);
         register_parent(f);
       }},
      {"gvt_g.kernel_display", kPass, "6.8", [](Facts&) {}},
      {"gvt_g.kernel_display", kFail, "4.15", release("4.15.0-20-generic")},
      {"gvt_g.kernel_config", kPass, "module loaded", [](Facts&) {}},
      {"gvt_g.kernel_config", kPass, "m", no_module},
      {"gvt_g.kernel_config", kFail, "not set",
       [no_module](Facts& f) {
         no_module(f);
         f.kernel.config = known(KernelConfig{{"DRM_I915_GVT_KVMGT", "n"}}, "config");
       }},
      {"gvt_g.kernel_config", kFail, "not mentioned",
       [no_module](Facts& f) {
         no_module(f);
         f.kernel.config = known(KernelConfig{{"KVM", "m"}}, "config");
       }},
      {"gvt_g.kernel_config", kUnknown, "no config",
       [no_module](Facts& f) {
         no_module(f);
         f.kernel.config = {Absent{}, "config"};
       }},
      {"gvt_g.driver_i915", kPass, "i915", [](Facts&) {}},
      {"gvt_g.driver_i915", kFail, "xe",
       [](Facts& f) { gpu_of(f).driver = known<std::string>("xe", "driver"); }},
      {"gvt_g.driver_i915", kFail, "none",
       [](Facts& f) { gpu_of(f).driver = {Absent{}, "driver"}; }},
      {"gvt_g.driver_i915", kUnknown, "closed", [](Facts& f) { gpu_of(f).driver = kClosed; }},
      {"gvt_g.parameter_enable_gvt", kPass, "Y", [](Facts&) {}},
      {"gvt_g.parameter_enable_gvt", kFail, "live N beats the command line",
       [](Facts& f) {
         set_command_line(f, "i915.enable_gvt=1");
         set_parameter(f, "i915", "enable_gvt", known<std::string>("N", "p"));
       }},
      {"gvt_g.parameter_enable_gvt", kPass, "command line", gvt_on_line("i915.enable_gvt=1", true)},
      {"gvt_g.parameter_enable_gvt", kFail, "the last one counts",
       gvt_on_line("i915.enable_gvt=1 i915.enable_gvt=0", false)},
      {"gvt_g.parameter_enable_gvt", kFail, "not given", gvt_on_line("quiet", false)},
      {"gvt_g.parameter_enable_gvt", kUnknown, "closed, not given", gvt_on_line("quiet", true)},
      {"gvt_g.parameter_enable_gvt", kFail, "closed, but kvmgt is loaded in vain",
       [](Facts& f) { set_parameter(f, "i915", "enable_gvt", kClosed); }},
      {"gvt_g.guc_submission", kPass, "-1", [](Facts&) {}},
      {"gvt_g.guc_submission", kFail, "1", guc("1")},
      {"gvt_g.guc_submission", kFail, "3", guc("3")},
      {"gvt_g.guc_submission", kPass, "2", guc("2")},
      {"gvt_g.guc_submission", kUnknown, "closed",
       [](Facts& f) { set_parameter(f, "i915", "enable_guc", kClosed); }},
      {"gvt_g.huc", kPass, "-1", [](Facts&) {}},
      {"gvt_g.huc", kFail, "2", guc("2")},
      {"gvt_g.module_kvmgt", kPass, "loaded", [](Facts&) {}},
      {"gvt_g.module_kvmgt", kFail, "not loaded", no_module},
      {"gvt_g.module_kvmgt", kUnknown, "no list",
       [no_module](Facts& f) {
         no_module(f);
         f.kernel.module_list = kClosed;
       }},
      {"gvt_g.module_kvmgt", kNone, "not built",
       [no_module](Facts& f) {
         no_module(f);
         f.kernel.config = known(KernelConfig{}, "config");
       }},
      {"gvt_g.mdev_parent", kPass, "types", [](Facts& f) { register_parent(f); }},
      {"gvt_g.mdev_parent", kFail, "no class", [](Facts&) {}},
      {"gvt_g.mdev_parent", kUnknown, "closed", [](Facts& f) { f.mdev_parents = kClosed; }},
      {"gvt_g.instances_left", kPass, "one", [](Facts& f) { register_parent(f, 1); }},
      {"gvt_g.instances_left", kFail, "none", [](Facts& f) { register_parent(f, 0); }},
      {"gvt_g.instances_left", kNone, "no types", [](Facts&) {}},
      {"iommu.gpu_excluded", kPass, "a group", [](Facts&) {}},
      {"iommu.gpu_excluded", kFail, "no group, but others have",
       [](Facts& f) { gpu_of(f).iommu_group = {Absent{}, "iommu_group"}; }},
      {"iommu.gpu_excluded", kNone, "no groups at all",
       [](Facts& f) {
         gpu_of(f).iommu_group = {Absent{}, "iommu_group"};
         f.iommu.groups = known(0U, "groups");
       }},
      {"iommu.gpu_excluded", kUnknown, "closed", [](Facts& f) { gpu_of(f).iommu_group = kClosed; }},
  };
}

// Every {field} of the three texts has a value.
void expect_fields(const Rule& rule, const Outcome& outcome) {
  for (const char* text : {rule.title, rule.why, rule.remedy}) {
    const std::string filled = fill_fields(text, outcome.arguments);
    EXPECT_EQ(filled.find('{'), std::string::npos) << rule.id << ": " << filled;
  }
}

constexpr std::array kFamilies = {
    machine_cases,      gpu_cases,        gvt_g_trap_cases, sr_iov_cases,
    passthrough_cases,  virtio_gpu_cases, host_cases,       boot_cases,
    surroundings_cases, qemu_cases,       guest_cases,      mode_cases,
};

TEST(Rules, JudgeEachMachineAsExpected) {
  std::vector<Case> cases;
  for (const auto family : kFamilies) {
    const std::vector<Case> more = family();
    cases.insert(cases.end(), more.begin(), more.end());
  }
  std::set<std::string> passed;
  std::set<std::string> failed;
  for (const Case& one : cases) {
    SCOPED_TRACE(format("{}: {}", one.rule, one.what));
    Facts facts = laptop();
    one.change(facts);
    const Outcome outcome = outcome_of(facts, one.rule);
    EXPECT_STREQ(outcome_name(outcome.kind), outcome_name(one.expected));
    if (outcome.kind != kNone) {
      EXPECT_FALSE(outcome.evidence.empty());
    }
    if (outcome.kind == kFail) expect_fields(*find_rule(one.rule), outcome);
    if (outcome.kind == kUnknown) {
      EXPECT_EQ(fill_fields(find_rule(one.rule)->title, outcome.arguments).find('{'),
                std::string::npos);
    }
    if (outcome.kind == kPass) passed.insert(one.rule);
    if (outcome.kind == kFail) failed.insert(one.rule);
  }
  for (const Rule* rule : all_rules()) {
    if (std::string_view(rule->id).starts_with("log.")) continue;  // log_rules_test.cc
    EXPECT_TRUE(passed.contains(rule->id)) << rule->id << " has no passing case";
    EXPECT_TRUE(failed.contains(rule->id)) << rule->id << " has no failing case";
  }
}

TEST(Rules, ContractOfEveryRow) {
  std::set<std::string> ids;
  for (const Rule* rule : all_rules()) {
    SCOPED_TRACE(rule->id);
    const std::string id = rule->id;
    EXPECT_TRUE(ids.insert(id).second) << "used twice";
    EXPECT_EQ(std::ranges::count(id, '.'), 1);
    EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_."), std::string::npos);
    for (const char* text : {rule->title, rule->why, rule->remedy}) {
      EXPECT_NE(*text, '\0');
      EXPECT_LE(std::string_view(text).size(), 400U);
    }
    EXPECT_FALSE(std::string_view(rule->title).ends_with('.')) << "a title is no sentence";
    EXPECT_EQ(find_rule(id), rule);
  }
  EXPECT_EQ(find_rule("no.such_rule"), nullptr);
}

// Nothing was read at all: no rule may pass.
TEST(Rules, NothingReadIsNeverGood) {
  for (const Finding& finding : run_rules(Facts())) {
    EXPECT_NE(finding.outcome.kind, kPass) << finding.rule->id;
  }
}

// Of a GPU nothing but its ids is known: only what the ids decide may pass or fail.
TEST(Rules, AGpuOfWhichNothingElseIsKnownIsNeverGood) {
  const std::set<std::string> decided_by_ids = {
      "gpu.vendor",      "gvt_g.generation", "passthrough.igd_generation",
      "sr_iov.amd_card", "sr_iov.hardware",  "virtio_gpu.draws"};
  for (const auto& [vendor, device] :
       std::vector<std::pair<std::uint16_t, std::uint16_t>>{{0x8086, 0x9B41},
                                                            {0x8086, 0x9A49},
                                                            {0x8086, 0xE20B},
                                                            {0x8086, 0xFFF0},
                                                            {0x10DE, 0x2204},
                                                            {0x1002, 0x73BF}}) {
    PciDevice gpu;
    gpu.address = {0, 0, 2, 0};
    gpu.vendor_id = vendor;
    gpu.device_id = device;
    gpu.class_code = 0x030000;
    Facts facts;
    facts.pci_devices = known(std::vector{gpu, gpu}, "p");
    for (const Finding& finding : run_rules(facts)) {
      if (!finding.gpu || decided_by_ids.contains(finding.rule->id)) continue;
      EXPECT_NE(finding.outcome.kind, kPass) << finding.rule->id << format(" {:04x}", device);
      EXPECT_NE(finding.outcome.kind, kFail) << finding.rule->id << format(" {:04x}", device);
    }
  }
}

TEST(Rules, RunOncePerGpu) {
  Facts facts = laptop();
  std::vector<PciDevice> devices = *facts.pci_devices.value();
  devices.push_back(devices.front());
  devices.back().address = {0, 1, 0, 0};
  devices.back().vendor_id = 0x10DE;
  facts.pci_devices = known(devices, "p");
  std::size_t expected = 0;
  for (const Rule* rule : all_rules()) expected += rule->scope == RuleScope::Gpu ? 2 : 1;
  EXPECT_EQ(run_rules(facts).size(), expected);
}

}  // namespace
}  // namespace cleave
