#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"

namespace cleave {
namespace {

Outcome check_virtualisation(const Subject& subject) {
  const Fact<CpuFacts>& cpu = subject.facts.cpu;
  if (const auto unread = missing(cpu)) return Outcome::unknown({*unread});
  const CpuFacts* seen = cpu.value();
  if (seen == nullptr) return Outcome::unknown({{cpu.source(), "absent"}});
  if (seen->vmx || seen->svm) return Outcome::pass({{cpu.source(), seen->vmx ? "vmx" : "svm"}});
  return Outcome::fail({{cpu.source(), "neither vmx nor svm"}});
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
};

}  // namespace

std::span<const Rule> cpu_rules() { return kRules; }

}  // namespace cleave
