// Cases of the rules about the system around the GPU; judged by rules_test.cc.
#include "unit/analysis/rule_cases.h"

namespace cleave::testing {
namespace {

constexpr const char* kRunning = "6.8.0-60-generic";

void install(Facts& facts, std::vector<std::string> kernels) {
  facts.platform.kernels = known(std::move(kernels), "/lib/modules");
}

void build(Facts& facts, std::vector<DkmsModule> modules) {
  facts.platform.dkms = known(std::move(modules), "/var/lib/dkms");
}

void nvidia(Facts& facts) { build(facts, {{"nvidia", "550.1", {kRunning}}}); }

void lock_down(Facts& facts, const char* mode) {
  nvidia(facts);
  facts.platform.lockdown = known<std::string>(mode, "/sys/kernel/security/lockdown");
}

void secure_boot(Facts& facts, Fact<bool> state) {
  nvidia(facts);
  facts.platform.lockdown = {Absent{}, "/sys/kernel/security/lockdown"};
  facts.platform.firmware.secure_boot = std::move(state);
}

void blacklist(Facts& facts, const char* text) {
  ModprobeFacts modprobe;
  parse_modprobe_file(text, "/etc/modprobe.d/b.conf", modprobe);
  facts.platform.modprobe = known(modprobe, "/etc/modprobe.d");
}

std::function<void(Facts&)> installed(std::vector<std::string> kernels) {
  return [kernels](Facts& facts) { install(facts, kernels); };
}

std::function<void(Facts&)> vfio_nodes(std::vector<NodeAccess> nodes) {
  return [nodes](Facts& facts) { facts.platform.vfio_nodes = known(nodes, "/dev/vfio"); };
}

std::vector<Case> system_cases() {
  return {
      {"host.whole_machine", kPass, "a machine", [](Facts&) {}},
      {"host.whole_machine", kFail, "a container",
       [](Facts& f) { f.platform.container = known(true, "/.dockerenv"); }},
      {"host.whole_machine", kUnknown, "closed", [](Facts& f) { f.platform.container = kClosed; }},
      {"host.not_virtual", kPass, "a machine", [](Facts&) {}},
      {"host.not_virtual", kFail, "a guest",
       [](Facts& f) {
         CpuFacts cpu;
         cpu.hypervisor = true;
         f.cpu = known(cpu, "/proc/cpuinfo");
       }},
      {"host.not_virtual", kUnknown, "closed", [](Facts& f) { f.cpu = kClosed; }},
      {"host.image_based", kPass, "Debian", [](Facts&) {}},
      {"host.image_based", kFail, "Silverblue",
       [](Facts& f) { f.platform.image_based = "rpm-ostree"; }},
      {"host.image_based", kUnknown, "nothing to be seen",
       [](Facts& f) { f.platform.distribution_id = kClosed; }},
      {"host.kernel_waiting", kPass, "the newest", [](Facts&) {}},
      {"host.kernel_waiting", kPass, "older ones, and another flavour",
       installed({"6.1.0-44-amd64", "6.8.0-9-generic", kRunning, "6.8.0-60-lowlatency"})},
      {"host.kernel_waiting", kFail, "a newer build", installed({kRunning, "6.8.0-71-generic"})},
      {"host.kernel_waiting", kFail, "a newer version", installed({kRunning, "6.14.0-10-generic"})},
      {"host.kernel_waiting", kPass, "names that are no versions",
       installed({"custom", "", "...", "99999999999999999999.1"})},
      {"host.kernel_waiting", kUnknown, "closed", [](Facts& f) { f.platform.kernels = kClosed; }},
      {"host.kernel_waiting", kUnknown, "which one runs is not known",
       [](Facts& f) { f.kernel.release = kClosed; }},
  };
}

std::vector<Case> dkms_cases() {
  return {
      {"host.dkms_built", kPass, "built", nvidia},
      {"host.dkms_built", kFail, "not for the next kernel",
       [](Facts& f) {
         nvidia(f);
         install(f, {kRunning, "6.8.0-71-generic"});
       }},
      {"host.dkms_built", kPass, "an old version stays beside the new one",
       [](Facts& f) { build(f, {{"nvidia", "535.1", {}}, {"nvidia", "550.1", {kRunning}}}); }},
      {"host.dkms_built", kUnknown, "closed", [](Facts& f) { f.platform.dkms = kClosed; }},
      {"host.dkms_built", kUnknown, "kernels closed",
       [](Facts& f) {
         nvidia(f);
         f.platform.kernels = kClosed;
       }},
      {"host.dkms_built", kNone, "no DKMS", [](Facts&) {}},
      {"host.dkms_built", kNone, "nothing of ours",
       [](Facts& f) { build(f, {{"zfs", "2.2", {}}}); }},
      {"host.signed_modules", kPass, "none", [](Facts& f) { lock_down(f, "none"); }},
      {"host.signed_modules", kFail, "integrity", [](Facts& f) { lock_down(f, "integrity"); }},
      {"host.signed_modules", kPass, "integrity, but the module is loaded",
       [](Facts& f) {
         lock_down(f, "integrity");
         f.kernel.modules["nvidia"].loaded = true;
       }},
      {"host.signed_modules", kFail, "loaded, but that is the kernel's own i915",
       [](Facts& f) {
         lock_down(f, "integrity");
         build(f, {{"i915-sriov-dkms", "1", {"6.1.0"}}});
       }},
      {"host.signed_modules", kFail, "the kernel insists",
       [](Facts& f) {
         nvidia(f);
         f.kernel.config = known(KernelConfig{{"MODULE_SIG_FORCE", "y"}}, "config");
       }},
      {"host.signed_modules", kFail, "the command line insists",
       [](Facts& f) {
         nvidia(f);
         set_command_line(f, "module.sig_enforce=1");
       }},
      {"host.signed_modules", kFail, "Secure Boot, lockdown not to be seen",
       [](Facts& f) { secure_boot(f, known(true, "SecureBoot")); }},
      {"host.signed_modules", kPass, "no Secure Boot",
       [](Facts& f) { secure_boot(f, known(false, "SecureBoot")); }},
      {"host.signed_modules", kPass, "no UEFI",
       [](Facts& f) { secure_boot(f, {Absent{}, "/sys/firmware/efi"}); }},
      {"host.signed_modules", kUnknown, "closed", [](Facts& f) { secure_boot(f, kClosed); }},
      {"host.signed_modules", kUnknown, "DKMS closed", [](Facts& f) { f.platform.dkms = kClosed; }},
      {"host.signed_modules", kNone, "no DKMS", [](Facts&) {}},
  };
}

std::vector<Case> access_cases() {
  return {
      {"host.module_blacklist", kPass, "nothing", [](Facts&) {}},
      {"host.module_blacklist", kPass, "something else",
       [](Facts& f) { blacklist(f, "blacklist pcspkr\n"); }},
      {"host.module_blacklist", kFail, "vfio-pci",
       [](Facts& f) { blacklist(f, "blacklist vfio-pci\n"); }},
      {"host.module_blacklist", kFail, "on the command line",
       [](Facts& f) { set_command_line(f, "module_blacklist=xe,kvm-intel"); }},
      {"host.module_blacklist", kFail, "kmod's list on the command line",
       [](Facts& f) { set_command_line(f, "modprobe.blacklist=kvmgt modprobe.blacklist=xe"); }},
      {"host.module_blacklist", kUnknown, "closed",
       [](Facts& f) { f.platform.modprobe = kClosed; }},
      {"host.module_blacklist", kUnknown, "no command line",
       [](Facts& f) { f.kernel.command_line = kClosed; }},
      {"host.vfio_access", kPass, "open",
       vfio_nodes({{"/dev/vfio/vfio", 0666, 0, 0, true}, {"/dev/vfio/12", 0600, 1000, 0, true}})},
      {"host.vfio_access", kFail, "closed to this user",
       vfio_nodes({{"/dev/vfio/12", 0600, 0, 0, false}})},
      {"host.vfio_access", kNone, "the container alone",
       vfio_nodes({{"/dev/vfio/vfio", 0600, 0, 0, false}})},
      {"host.vfio_access", kNone, "none", [](Facts&) {}},
      {"host.vfio_access", kUnknown, "closed", [](Facts& f) { f.platform.vfio_nodes = kClosed; }},
  };
}

}  // namespace

std::vector<Case> host_cases() {
  std::vector<Case> cases = system_cases();
  for (const auto& more : {dkms_cases(), access_cases()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  return cases;
}

}  // namespace cleave::testing
