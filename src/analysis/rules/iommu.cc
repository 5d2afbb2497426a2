#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"

namespace cleave {
namespace {

Outcome check_firmware_table(const Subject& subject) {
  const IommuFacts& iommu = subject.facts.iommu;
  for (const Fact<bool>* table : {&iommu.dmar_table, &iommu.ivrs_table}) {
    if (table->value_or(false)) return Outcome::pass({{table->source(), "there"}});
  }
  std::vector<Evidence> absent;
  for (const Fact<bool>* table : {&iommu.dmar_table, &iommu.ivrs_table}) {
    if (const auto unread = missing(*table)) return Outcome::unknown({*unread});
    absent.push_back({table->source(), "absent"});
  }
  return Outcome::fail(std::move(absent));
}

Outcome check_present(const Subject& subject) {
  const auto& units = subject.facts.iommu.units;
  if (const auto unread = missing(units)) return Outcome::unknown({*unread});
  if (const auto* names = units.value(); names != nullptr && !names->empty()) {
    return Outcome::pass({{units.source(), join(*names, " ")}});
  }
  // Without the firmware's table the kernel cannot have one: iommu.firmware_table says so.
  if (check_firmware_table(subject).kind == OutcomeKind::Fail) return Outcome::not_applicable();
  return Outcome::fail({{units.source(), "no unit"}});
}

Outcome check_gpu_excluded(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (const auto unread = missing(gpu.iommu_group)) return Outcome::unknown({*unread});
  if (const std::uint32_t* group = gpu.iommu_group.value()) {
    return Outcome::pass({{gpu.iommu_group.source(), std::to_string(*group)}});
  }
  const Fact<std::uint32_t>& groups = subject.facts.iommu.groups;
  if (const auto unread = missing(groups)) return Outcome::unknown({*unread});
  // Without any group the IOMMU is off as a whole: that is iommu.present's to say.
  if (groups.value_or(0) == 0) return Outcome::not_applicable();
  std::vector<Evidence> evidence = {
      {gpu.iommu_group.source(), "absent"},
      {groups.source(), format("{} groups", *groups.value())},
  };
  if (auto argument = argument_igfx_off(subject.facts)) evidence.push_back(std::move(*argument));
  return Outcome::fail(std::move(evidence));
}

constexpr Rule kRules[] = {
    {.id = "iommu.firmware_table",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Firmware,
     .title = N_("The firmware describes an IOMMU (DMAR or IVRS table)"),
     .why = N_("GVT-g does not need an IOMMU. Handing a whole device to a VM does."),
     .remedy = N_("To pass whole devices later: switch on VT-d or AMD-Vi in the firmware."),
     .check = check_firmware_table},
    {.id = "iommu.present",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The kernel uses an IOMMU"),
     .why = N_("GVT-g does not need an IOMMU: its vGPUs are translated by the driver. Handing a "
               "whole device to a VM needs one."),
     .remedy = N_("To pass whole devices later: intel_iommu=on on the kernel's command line (AMD: "
                  "on by default)."),
     .check = check_present,
     .restart = true},
    {.id = "iommu.gpu_excluded",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Vendor,
     .title = N_("The GPU is in an IOMMU group"),
     .why = N_("The kernel left this GPU out of the IOMMU (“Disabling IOMMU for graphics on this "
               "chipset”: a list in the kernel, or igfx_off). Harmless for GVT-g; but the GPU "
               "cannot be handed to a VM as a whole."),
     .remedy = N_("For GVT-g nothing. To pass the whole GPU: a kernel without that list, and no "
                  "igfx_off; no kernel argument takes the list back."),
     .check = check_gpu_excluded,
     .restart = true},
};

}  // namespace

std::span<const Rule> iommu_rules() { return kRules; }

}  // namespace cleave
