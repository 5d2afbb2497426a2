// Cases of the rules about virtual functions; judged by rules_test.cc.
#include "unit/analysis/rule_cases.h"

namespace cleave::testing {
namespace {

constexpr const char* kTotal = "sriov_totalvfs";

void become(Facts& facts, std::uint16_t device, const char* driver, const char* release) {
  gpu_of(facts).device_id = device;
  gpu_of(facts).driver = known<std::string>(driver, "driver");
  gpu_of(facts).sriov_total_vfs = known(7U, kTotal);
  gpu_of(facts).sriov_num_vfs = known(0U, "sriov_numvfs");
  facts.kernel.release = known<std::string>(release, "osrelease");
  facts.kernel.config = known(KernelConfig{{"PCI_IOV", "y"}}, "config");
}

// Each as it comes from the shop: i915 of the kernel, whose sriov_totalvfs promises what it
// cannot make.
void tiger_lake(Facts& facts) { become(facts, 0x9A49, "i915", "6.12.1"); }
void battlemage(Facts& facts) { become(facts, 0xE20B, "xe", "6.17.0"); }

void install_dkms(Facts& facts, const char* kernel) {
  facts.platform.dkms =
      known(std::vector{DkmsModule{"i915-sriov-dkms", "2026.03.05.1", {kernel}}}, "/var/lib/dkms");
}

void tiger_lake_dkms(Facts& facts) {
  tiger_lake(facts);
  install_dkms(facts, "6.12.1");
  gpu_of(facts).sriov_total_vfs = known(0U, kTotal);
}

void other_vendor(Facts& facts, std::uint16_t vendor, const char* driver, unsigned total) {
  tiger_lake(facts);
  gpu_of(facts).vendor_id = vendor;
  gpu_of(facts).device_id = 0x2235;
  gpu_of(facts).driver = known<std::string>(driver, "driver");
  gpu_of(facts).sriov_total_vfs = known(total, kTotal);
}

// As `change`, then the live parameter of a module.
std::function<void(Facts&)> with(void (*change)(Facts&), const char* module, const char* name,
                                 const char* value) {
  return [=](Facts& facts) {
    change(facts);
    set_parameter(facts, module, name, known<std::string>(value, "parameter"));
  };
}

std::function<void(Facts&)> probing(const char* line) {
  return [line](Facts& facts) {
    become(facts, 0x9A49, "i915", "6.18.3");
    set_command_line(facts, line);
  };
}

void see_config(Facts& facts, std::optional<SriovCapability> capability) {
  gpu_of(facts).vendor_id = 0x1234;
  gpu_of(facts).sriov_total_vfs = {};
  PciConfig config;
  config.capabilities_seen = true;
  config.extended_seen = true;
  config.sriov = capability;
  gpu_of(facts).config = known(config, "config");
}

std::vector<Case> hardware_cases() {
  return {
      {"sr_iov.hardware", kPass, "Tiger Lake", tiger_lake},
      {"sr_iov.hardware", kFail, "Comet Lake", [](Facts&) {}},
      {"sr_iov.hardware", kFail, "Comet Lake whose number is the hardware's",
       [](Facts& f) { gpu_of(f).sriov_total_vfs = known(7U, kTotal); }},
      {"sr_iov.hardware", kFail, "a virtual function",
       [](Facts& f) {
         tiger_lake(f);
         gpu_of(f).is_virtual_function = true;
       }},
      {"sr_iov.hardware", kPass, "another vendor's, capability seen",
       [](Facts& f) { see_config(f, SriovCapability{.total_vfs = 4}); }},
      {"sr_iov.hardware", kFail, "another vendor's, no capability",
       [](Facts& f) { see_config(f, std::nullopt); }},
      {"sr_iov.hardware", kFail, "a capability with no functions",
       [](Facts& f) { see_config(f, SriovCapability{}); }},
      {"sr_iov.hardware", kFail, "the kernel found no capability",
       [](Facts& f) {
         other_vendor(f, 0x10DE, "nouveau", 0);
         gpu_of(f).sriov_total_vfs = {Absent{}, kTotal};
       }},
      {"sr_iov.hardware", kUnknown, "the kernel does not look for it",
       [](Facts& f) {
         other_vendor(f, 0x10DE, "nouveau", 0);
         gpu_of(f).sriov_total_vfs = {Absent{}, kTotal};
         f.kernel.config = known(KernelConfig{}, "config");
       }},
      {"sr_iov.hardware", kUnknown, "a Radeon with the capability",
       [](Facts& f) { other_vendor(f, 0x1002, "amdgpu", 16); }},
      {"sr_iov.hardware", kPass, "gim", [](Facts& f) { other_vendor(f, 0x1002, "gim", 16); }},
      {"sr_iov.hardware", kUnknown, "an Intel of the future, closed",
       [](Facts& f) {
         gpu_of(f).device_id = 0xFFF0;
         gpu_of(f).config = kClosed;
       }},
  };
}

std::vector<Case> driver_cases() {
  return {
      {"sr_iov.kernel", kPass, "Battlemage on 6.17", battlemage},
      {"sr_iov.kernel", kFail, "Battlemage on 6.16",
       [](Facts& f) { become(f, 0xE20B, "xe", "6.16.9"); }},
      {"sr_iov.kernel", kFail, "Tiger Lake on 6.12, though i915 shows 7", tiger_lake},
      {"sr_iov.kernel", kFail, "Tiger Lake on 6.12 with xe, though it shows 7",
       [](Facts& f) { become(f, 0x9A49, "xe", "6.12.1"); }},
      {"sr_iov.kernel", kPass, "Tiger Lake on 6.18", probing("quiet")},
      {"sr_iov.kernel", kPass, "DKMS", tiger_lake_dkms},
      {"sr_iov.kernel", kFail, "DKMS for another kernel",
       [](Facts& f) {
         tiger_lake(f);
         install_dkms(f, "6.11.0");
       }},
      {"sr_iov.kernel", kFail, "Meteor Lake on 7.2",
       [](Facts& f) { become(f, 0x7D55, "i915", "7.2.0"); }},
      {"sr_iov.kernel", kUnknown, "DKMS closed",
       [](Facts& f) {
         tiger_lake(f);
         f.platform.dkms = kClosed;
       }},
      {"sr_iov.kernel", kUnknown, "an id of the future",
       [](Facts& f) { become(f, 0xFFF0, "i915", "7.2.0"); }},
      {"sr_iov.kernel", kUnknown, "no number", [](Facts& f) { become(f, 0x9A49, "i915", "own"); }},
      {"sr_iov.kernel", kNone, "Comet Lake", [](Facts&) {}},
      {"sr_iov.kernel", kNone, "NVIDIA", [](Facts& f) { other_vendor(f, 0x10DE, "nvidia", 16); }},
      {"sr_iov.driver", kPass, "xe", battlemage},
      {"sr_iov.driver", kFail, "i915 of the kernel", tiger_lake},
      {"sr_iov.driver", kPass, "i915 of DKMS", tiger_lake_dkms},
      {"sr_iov.driver", kUnknown, "i915, DKMS closed",
       [](Facts& f) {
         tiger_lake(f);
         f.platform.dkms = kClosed;
       }},
      {"sr_iov.driver", kFail, "none",
       [](Facts& f) {
         battlemage(f);
         gpu_of(f).driver = {Absent{}, "driver"};
       }},
      {"sr_iov.driver", kUnknown, "closed",
       [](Facts& f) {
         battlemage(f);
         gpu_of(f).driver = kClosed;
       }},
      {"sr_iov.driver", kFail, "nouveau", [](Facts& f) { other_vendor(f, 0x10DE, "nouveau", 16); }},
      {"sr_iov.driver", kNone, "Comet Lake", [](Facts&) {}},
      {"sr_iov.total_vfs", kPass, "xe", battlemage},
      {"sr_iov.total_vfs", kFail, "the hardware's number only", tiger_lake},
      {"sr_iov.total_vfs", kFail, "0", tiger_lake_dkms},
      {"sr_iov.total_vfs", kPass, "there are some",
       [](Facts& f) {
         other_vendor(f, 0x10DE, "nvidia", 16);
         gpu_of(f).sriov_num_vfs = known(4U, "sriov_numvfs");
       }},
      {"sr_iov.total_vfs", kUnknown, "NVIDIA's driver does not tell",
       [](Facts& f) { other_vendor(f, 0x10DE, "nvidia", 16); }},
      {"sr_iov.total_vfs", kUnknown, "closed",
       [](Facts& f) {
         tiger_lake(f);
         gpu_of(f).sriov_total_vfs = kClosed;
       }},
      {"sr_iov.total_vfs", kNone, "Comet Lake", [](Facts&) {}},
  };
}

std::vector<Case> parameter_cases() {
  return {
      {"sr_iov.force_probe", kFail, "not given", probing("quiet")},
      {"sr_iov.force_probe", kPass, "named", probing("xe.force_probe=46a6,9a49")},
      {"sr_iov.force_probe", kPass, "all", probing("xe.force_probe=*")},
      {"sr_iov.force_probe", kFail, "a star among others", probing("xe.force_probe=46a6,*")},
      {"sr_iov.force_probe", kFail, "forbidden in front", probing("xe.force_probe=!9a49,9a49")},
      {"sr_iov.force_probe", kFail, "forbidden behind", probing("xe.force_probe=9a49,!9a49")},
      {"sr_iov.force_probe", kFail, "rubbish", probing("xe.force_probe=9a49x,,!")},
      {"sr_iov.force_probe", kPass, "xe drives it, with the parameter closed",
       [](Facts& f) {
         become(f, 0x9A49, "xe", "6.18.3");
         gpu_of(f).sriov_total_vfs = known(0U, kTotal);
         set_parameter(f, "xe", "force_probe", kClosed);
       }},
      {"sr_iov.force_probe", kUnknown, "closed",
       [](Facts& f) {
         probing("quiet")(f);
         set_parameter(f, "xe", "force_probe", kClosed);
       }},
      {"sr_iov.force_probe", kNone, "Battlemage", battlemage},
      {"sr_iov.force_probe", kNone, "DKMS", tiger_lake_dkms},
      {"sr_iov.max_vfs", kPass, "xe's default", probing("quiet")},
      {"sr_iov.max_vfs", kFail, "xe told none", probing("xe.max_vfs=0")},
      {"sr_iov.max_vfs", kFail, "the default out of tree", tiger_lake_dkms},
      {"sr_iov.max_vfs", kPass, "7", with(tiger_lake_dkms, "i915", "max_vfs", "7")},
      {"sr_iov.max_vfs", kUnknown, "closed",
       [](Facts& f) {
         tiger_lake_dkms(f);
         set_parameter(f, "i915", "max_vfs", kClosed);
       }},
      {"sr_iov.max_vfs", kNone, "Comet Lake", [](Facts&) {}},
      {"sr_iov.guc_submission", kPass, "3", with(tiger_lake_dkms, "i915", "enable_guc", "3")},
      {"sr_iov.guc_submission", kFail, "2", with(tiger_lake_dkms, "i915", "enable_guc", "2")},
      {"sr_iov.guc_submission", kFail, "0", with(tiger_lake_dkms, "i915", "enable_guc", "0")},
      {"sr_iov.guc_submission", kUnknown, "-1", tiger_lake_dkms},
      {"sr_iov.guc_submission", kNone, "xe", battlemage},
      {"sr_iov.guc_submission", kNone, "i915 of the kernel, which makes none", tiger_lake},
  };
}

}  // namespace

std::vector<Case> sr_iov_cases() {
  std::vector<Case> cases = hardware_cases();
  for (const auto& more : {driver_cases(), parameter_cases()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  return cases;
}

}  // namespace cleave::testing
