#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"

namespace cleave {
namespace {

Outcome check_present(const Subject& subject) {
  const auto& devices = subject.facts.pci_devices;
  if (const auto unread = missing(devices)) return Outcome::unknown({*unread});
  const auto gpus = gpus_of(subject.facts);
  if (gpus.empty()) return Outcome::fail({{devices.source(), "no device of class 03"}});
  std::vector<Evidence> evidence;
  for (const PciDevice* gpu : gpus) evidence.push_back(device_evidence(*gpu));
  return Outcome::pass(std::move(evidence));
}

Outcome check_vendor(const Subject& subject) {
  const Evidence evidence = device_evidence(*subject.gpu);
  if (subject.gpu->vendor_id == kIntelVendorId) return Outcome::pass({evidence});
  return Outcome::fail({evidence});
}

constexpr Rule kRules[] = {
    {.id = "gpu.present",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Nobody,
     .title = N_("The machine has a GPU"),
     .why = N_("No PCI device here is a display controller: there is no GPU to share."),
     .remedy = N_("To see how it works, use the virtual laptop: cleave up --demo"),
     .check = check_present},
    {.id = "gpu.vendor",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Nobody,
     .title = N_("The GPU is from Intel"),
     .why = N_("GVT-g exists only for GPUs from Intel."),
     .remedy = N_("This GPU cannot be shared with GVT-g."),
     .check = check_vendor},
};

}  // namespace

std::span<const Rule> gpu_rules() { return kRules; }

}  // namespace cleave
