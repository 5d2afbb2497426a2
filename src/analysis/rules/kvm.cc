#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "analysis/rules/node_access.h"

namespace cleave {
namespace {

// Known false: the CPU was read and shows neither vmx nor svm.
std::optional<bool> cpu_can(const Facts& facts) {
  const CpuFacts* cpu = facts.cpu.value();
  if (cpu == nullptr) return std::nullopt;
  return cpu->vmx || cpu->svm;
}

bool node_is_there(const Facts& facts) { return facts.kvm.node.value_or(false); }

Evidence node_evidence(const Facts& facts) {
  const Fact<bool>& node = facts.kvm.node;
  if (node.is_known()) return {node.source(), *node.value() ? "there" : "no KVM device"};
  return {node.source(), "absent"};
}

// A CPU without the feature has no use for the node: cpu.virtualisation tells that, and a module
// that is not loaded is not what is wrong.
Outcome check_node(const Subject& subject) {
  const Facts& facts = subject.facts;
  if (const auto unread = missing(facts.kvm.node)) return Outcome::unknown({*unread});
  if (node_is_there(facts)) return Outcome::pass({node_evidence(facts)});
  if (!cpu_can(facts).value_or(true)) return Outcome::not_applicable();
  const bool amd = facts.cpu.is_known() && facts.cpu.value()->svm;
  return Outcome::fail({node_evidence(facts)}, {{"module", amd ? "kvm_amd" : "kvm_intel"}});
}

// /dev/kvm can exist, open, and even make a VM on a machine whose CPU shows neither vmx nor svm
// (some clouds and sandboxes): Linux guests then hang at the first instructions of their kernel.
// Advice, because a VM runs by emulation all the same; what needs real KVM has its own rule.
Outcome check_believable(const Subject& subject) {
  const Facts& facts = subject.facts;
  if (const auto unread = missing(facts.kvm.node)) return Outcome::unknown({*unread});
  if (!node_is_there(facts)) return Outcome::not_applicable();
  const std::optional<bool> can = cpu_can(facts);
  if (!can) {
    return Outcome::unknown({missing(facts.cpu).value_or(Evidence{facts.cpu.source(), "absent"})});
  }
  if (*can) return Outcome::pass({node_evidence(facts)});
  return Outcome::fail({node_evidence(facts), {facts.cpu.source(), "neither vmx nor svm"}});
}

Outcome check_accessible(const Subject& subject) {
  const Facts& facts = subject.facts;
  if (!node_is_there(facts) || !cpu_can(facts).value_or(true)) return Outcome::not_applicable();
  const Fact<bool>& accessible = facts.kvm.accessible;
  const std::vector<Field> arguments = {
      {"group", group_that_opens(facts, facts.kvm.rights, "kvm")}};
  if (const auto unread = missing(accessible)) return Outcome::unknown({*unread}, arguments);
  if (accessible.value_or(false)) {
    return Outcome::pass({{accessible.source(), "may be opened for reading and writing"}},
                         arguments);
  }
  std::vector<Evidence> evidence = {
      {accessible.source(), "may not be opened for reading and writing"}};
  if (!facts.kvm.rights.path.empty()) evidence.push_back(access_evidence(facts, facts.kvm.rights));
  return Outcome::fail(std::move(evidence), arguments);
}

Outcome check_ignore_msrs(const Subject& subject) {
  const ParameterState state = module_parameter(subject.facts, "kvm", "ignore_msrs");
  if (state.value && is_kernel_true(*state.value)) return Outcome::pass({state.evidence});
  if (!node_is_there(subject.facts)) return Outcome::not_applicable();
  if (!state.certain) return Outcome::unknown({state.evidence});
  return Outcome::fail({state.evidence});
}

// Which of the two modules runs is told by its parameters; the other one has none.
Outcome check_nested(const Subject& subject) {
  if (!node_is_there(subject.facts)) return Outcome::not_applicable();
  const bool amd = subject.facts.cpu.is_known() && subject.facts.cpu.value()->svm;
  const char* module = amd ? "kvm_amd" : "kvm_intel";
  const std::vector<Field> arguments = {{"module", module}};
  const auto& parameters = subject.facts.kernel.module(module).parameters;
  const auto nested = parameters.find("nested");
  if (nested == parameters.end()) return Outcome::not_applicable();
  if (const auto unread = missing(nested->second)) return Outcome::unknown({*unread}, arguments);
  const Evidence seen{nested->second.source(), nested->second.value_or("absent")};
  return is_kernel_true(nested->second.value_or("N")) ? Outcome::pass({seen}, arguments)
                                                      : Outcome::fail({seen}, arguments);
}

constexpr Rule kRules[] = {
    {.id = "kvm.node",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("KVM is switched on (/dev/kvm is there)"),
     .why = N_("The CPU could run VMs in hardware, but the kernel's KVM does not: a VM would be "
               "emulated and very slow."),
     .remedy = N_("Load its module: modprobe {module}. If that is refused, virtualisation is "
                  "locked in the firmware."),
     .check = check_node},
    {.id = "kvm.believable",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Nobody,
     .title = N_("/dev/kvm can be believed"),
     .why = N_("/dev/kvm is there, but the CPU shows neither vmx nor svm. Such a KVM starts "
               "firmware and then hangs with the guest's kernel."),
     .remedy = N_("Let QEMU emulate the CPU (accelerator = \"tcg\"): correct, but many times "
                  "slower. If this machine is itself a VM, allow nested virtualisation outside."),
     .check = check_believable},
    {.id = "kvm.accessible",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("You may use KVM"),
     .why = N_("QEMU runs as you, never as root, and you may not open /dev/kvm."),
     .remedy = N_("Add yourself to its group and log in again: sudo usermod -aG {group} $USER"),
     .check = check_accessible},
    {.id = "kvm.ignore_msrs",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Cleave,
     .title = N_("KVM lets guests read registers it does not know (kvm.ignore_msrs)"),
     .why = N_("Intel's Windows driver reads power registers (0x606, 0x611, 0x639, 0x641) that "
               "KVM has not; without this it crashes. Linux guests do not need it."),
     .remedy = N_("For a Windows guest: echo 1 > /sys/module/kvm/parameters/ignore_msrs, or "
                  "kvm.ignore_msrs=1 on the kernel's command line."),
     .check = check_ignore_msrs},
    {.id = "kvm.nested",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Guests may run VMs of their own ({module}.nested)"),
     .why = N_("A guest cannot start VMs: no WSL 2, no Hyper-V and no memory integrity in Windows, "
               "no KVM in Linux. A guest that only works with its GPU does without, and Intel's "
               "Windows driver even better."),
     .remedy = N_("If a guest shall run VMs: {module}.nested=1 on the kernel's command line, and "
                  "the CPU model “host” for the VM."),
     .check = check_nested},
};

}  // namespace

std::span<const Rule> kvm_rules() { return kRules; }

}  // namespace cleave
