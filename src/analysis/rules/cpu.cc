#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "analysis/seen_messages.h"
#include "base/text.h"

namespace cleave {
namespace {

bool shows_virtualisation(const CpuFacts& cpu) { return cpu.vmx || cpu.svm; }

bool is_amd(const CpuFacts& cpu) {
  return cpu.vendor == "AuthenticAMD" || cpu.vendor == "HygonGenuine";
}

bool is_known_vendor(const CpuFacts& cpu) { return cpu.vendor == "GenuineIntel" || is_amd(cpu); }

// clearcpuid takes features away by their names, or by the number of their bit: VMX is 4*32+5, SVM
// 6*32+2 (arch/x86/include/asm/cpufeatures.h; arch/x86/kernel/cpu/common.c, parse_clear_setcpuid).
std::optional<Evidence> hiding_argument(const Facts& facts) {
  const KernelCommandLine* line = facts.kernel.command_line.value();
  if (line == nullptr) return std::nullopt;
  for (const KernelArgument& argument : line->arguments) {
    if (argument.name != "clearcpuid" || !argument.value) continue;
    for (const std::string_view feature : split(*argument.value, ',')) {
      if (feature == "vmx" || feature == "svm" || feature == "133" || feature == "194") {
        return Evidence{facts.kernel.command_line.source(), "clearcpuid=" + *argument.value};
      }
    }
  }
  return std::nullopt;
}

Evidence switch_evidence(const Fact<VirtualisationSwitch>& fact) {
  const VirtualisationSwitch& found = *fact.value();
  return {
      fact.source(),
      format("{} is {:#x}: {}, {}", found.index == kAmdVmControl ? "VM_CR" : "IA32_FEATURE_CONTROL",
             found.value, found.off ? "off" : "on", found.locked ? "locked" : "not locked")};
}

// A kernel without KVM for Intel locks the register itself if the firmware did not
// (arch/x86/kernel/cpu/feat_ctl.c): then the lock says nothing about the firmware.
bool kernel_may_have_locked(const Facts& facts) {
  const KernelConfig* config = facts.kernel.config.value();
  if (config == nullptr) return false;
  // Without KVM the other symbol is not mentioned at all.
  for (const char* symbol : {"KVM", "KVM_INTEL"}) {
    const auto found = config->find(symbol);
    if (found != config->end() && found->second == "n") return true;
  }
  return false;
}

// What the kernel's log says of the firmware.
std::optional<Evidence> log_says_off(const Subject& subject) {
  if (subject.log == nullptr) return std::nullopt;
  const SeenMessage* seen =
      subject.log->first_of({"log.kvm_disabled", "log.kvm_disabled_named", "log.kvm_vmx_disabled",
                             "log.kvm_vmx_disabled_outside", "log.kvm_svm_disabled"});
  if (seen == nullptr) return std::nullopt;
  return Evidence{subject.facts.kernel_log.source(), seen->text};
}

// Whether a flag in /proc/cpuinfo proves that the firmware allows it. The kernel takes it away
// otherwise: Intel's since 5.6 (feat_ctl.c), AMD's in 6.12, not yet in 6.1
// (arch/x86/kernel/cpu/amd.c).
bool flag_is_proof(const Facts& facts, const CpuFacts& cpu) {
  if (facts.kvm.node.value_or(false)) return true;  // its module came up
  const auto version = parse_kernel_version(facts.kernel.release.value_or(""));
  const KernelVersion since = is_amd(cpu) ? KernelVersion{6, 12} : KernelVersion{5, 6};
  return version && *version >= since;
}

Outcome check_firmware_lock(const Subject& subject) {
  const Facts& facts = subject.facts;
  const CpuFacts* cpu = facts.cpu.value();
  if (const auto unread = missing(facts.cpu)) return Outcome::unknown({*unread});
  if (cpu == nullptr || !is_known_vendor(*cpu) || cpu->hypervisor) {
    return Outcome::not_applicable();
  }
  const Fact<VirtualisationSwitch>& found = facts.virtualisation_switch;
  if (const VirtualisationSwitch* known = found.value()) {
    const bool counts = is_amd(*cpu) || known->locked;
    if (!known->off || !counts) return Outcome::pass({switch_evidence(found)});
    if (!is_amd(*cpu) && kernel_may_have_locked(facts)) {
      return Outcome::unknown(
          {switch_evidence(found), {facts.kernel.config.source(), "CONFIG_KVM_INTEL is not set"}});
    }
    return Outcome::fail({switch_evidence(found)});
  }
  if (auto line = log_says_off(subject)) return Outcome::fail({std::move(*line)});
  if (shows_virtualisation(*cpu) && flag_is_proof(facts, *cpu)) {
    return Outcome::pass({{facts.cpu.source(), cpu->vmx ? "vmx" : "svm"}});
  }
  // The reason that is to be seen is another one.
  if (!shows_virtualisation(*cpu) && hiding_argument(facts)) return Outcome::not_applicable();
  return Outcome::unknown({missing(found).value_or(Evidence{found.source(), "absent"})});
}

Outcome check_nested(const Subject& subject) {
  const Fact<CpuFacts>& cpu = subject.facts.cpu;
  if (const auto unread = missing(cpu)) return Outcome::unknown({*unread});
  if (cpu.value() == nullptr || !cpu.value()->hypervisor) return Outcome::not_applicable();
  if (shows_virtualisation(*cpu.value())) {
    return Outcome::pass({{cpu.source(), cpu.value()->vmx ? "vmx" : "svm"}});
  }
  return Outcome::fail({{cpu.source(), "hypervisor, neither vmx nor svm"}});
}

Outcome check_argument(const Subject& subject) {
  const Fact<KernelCommandLine>& line = subject.facts.kernel.command_line;
  if (const auto unread = missing(line)) return Outcome::unknown({*unread});
  if (auto told = hiding_argument(subject.facts)) return Outcome::fail({std::move(*told)});
  return Outcome::pass({{line.source(), "clearcpuid is not given"}});
}

// Why there is none, as far as it is to be seen.
std::vector<Evidence> reasons(const Subject& subject, const CpuFacts& cpu) {
  const Facts& facts = subject.facts;
  std::vector<Evidence> found;
  if (cpu.hypervisor) found.push_back({facts.cpu.source(), "hypervisor"});
  if (auto told = hiding_argument(facts)) found.push_back(std::move(*told));
  if (facts.virtualisation_switch.is_known()) {
    found.push_back(switch_evidence(facts.virtualisation_switch));
  }
  if (auto line = log_says_off(subject)) found.push_back(std::move(*line));
  return found;
}

Outcome check_virtualisation(const Subject& subject) {
  const Fact<CpuFacts>& cpu = subject.facts.cpu;
  if (const auto unread = missing(cpu)) return Outcome::unknown({*unread});
  const CpuFacts* seen = cpu.value();
  if (seen == nullptr) return Outcome::unknown({{cpu.source(), "absent"}});
  if (shows_virtualisation(*seen)) {
    return Outcome::pass({{cpu.source(), seen->vmx ? "vmx" : "svm"}});
  }
  std::vector<Evidence> evidence = {{cpu.source(), "neither vmx nor svm"}};
  for (Evidence& reason : reasons(subject, *seen)) evidence.push_back(std::move(reason));
  return Outcome::fail(std::move(evidence));
}

// Advice only: a VM runs without it, by emulation. Where a way cannot do without, it has its own
// rule (gvt_g.kvm).
constexpr Rule kRules[] = {
    {.id = "cpu.virtualisation",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Firmware,
     .title = N_("The CPU shows hardware virtualisation (VT-x or AMD-V)"),
     .why = N_("Without it KVM cannot run a VM: QEMU then emulates the CPU, which is many times "
               "slower."),
     .remedy = N_("Switch on VT-x or AMD-V (“SVM”) in the firmware. If this machine is itself a "
                  "VM, allow nested virtualisation on the machine that runs it."),
     .check = check_virtualisation},
    {.id = "cpu.firmware_lock",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Firmware,
     .title = N_("The firmware did not switch virtualisation off"),
     .why = N_("The firmware (BIOS) decides over VT-x and AMD-V, and locks that until the next "
               "start: no kernel can switch on what it left off."),
     .remedy = N_("Switch on “Intel Virtualization Technology” (VT-x) or “SVM Mode” in the "
                  "firmware's setup, and power off once. If it cannot be told here: sudo modprobe "
                  "msr, then sudo cleave doctor."),
     .check = check_firmware_lock},
    {.id = "cpu.nested",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The machine that runs this VM lets it run VMs of its own"),
     .why = N_("This machine is itself a VM, and its hypervisor shows it neither VT-x nor AMD-V: "
               "VMs in it are emulated."),
     .remedy = N_("On the outer machine: kvm_intel.nested=1 (AMD: kvm_amd.nested=1) and CPU model "
                  "“host” for KVM; “Virtualize Intel VT-x/EPT” for VMware; Set-VMProcessor "
                  "-ExposeVirtualizationExtensions $true for Hyper-V."),
     .check = check_nested},
    {.id = "cpu.hidden_by_argument",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The kernel's command line does not hide virtualisation (clearcpuid)"),
     .why = N_("clearcpuid on the kernel's command line takes VT-x or AMD-V away from the kernel: "
               "KVM cannot run."),
     .remedy = N_("Take vmx, svm, 133 or 194 out of clearcpuid= on the kernel's command line, and "
                  "reboot."),
     .check = check_argument},
};

}  // namespace

std::span<const Rule> cpu_rules() { return kRules; }

}  // namespace cleave
