#include "analysis/rule.h"

#include <algorithm>

namespace cleave {

Outcome Outcome::pass(std::vector<Evidence> evidence, std::vector<Field> arguments) {
  return {OutcomeKind::Pass, std::move(evidence), std::move(arguments)};
}

Outcome Outcome::fail(std::vector<Evidence> evidence, std::vector<Field> arguments) {
  return {OutcomeKind::Fail, std::move(evidence), std::move(arguments)};
}

Outcome Outcome::unknown(std::vector<Evidence> missing, std::vector<Field> arguments) {
  return {OutcomeKind::Unknown, std::move(missing), std::move(arguments)};
}

Outcome Outcome::not_applicable() { return {}; }

std::vector<const PciDevice*> gpus_of(const Facts& facts) {
  std::vector<const PciDevice*> gpus;
  const std::vector<PciDevice>* devices = facts.pci_devices.value();
  if (devices == nullptr) return gpus;
  for (const PciDevice& device : *devices) {
    if (!device.is_gpu()) continue;
    // A virtual function is a part of the GPU that stands beside it.
    const bool a_part =
        device.physical_function && std::ranges::find(*devices, *device.physical_function,
                                                      &PciDevice::address) != devices->end();
    if (!a_part) gpus.push_back(&device);
  }
  return gpus;
}

const char* level_name(RuleLevel level) {
  switch (level) {
    case RuleLevel::Blocker:
      return "blocker";
    case RuleLevel::Fixable:
      return "fixable";
    case RuleLevel::Advice:
      return "advice";
  }
  return "advice";
}

const char* fixer_name(Fixer fixer) {
  switch (fixer) {
    case Fixer::Cleave:
      return "cleave";
    case Fixer::User:
      return "user";
    case Fixer::Firmware:
      return "firmware";
    case Fixer::Vendor:
      return "vendor";
    case Fixer::Nobody:
      return "nobody";
  }
  return "nobody";
}

const char* outcome_name(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::Pass:
      return "pass";
    case OutcomeKind::Fail:
      return "fail";
    case OutcomeKind::Unknown:
      return "unknown";
    case OutcomeKind::NotApplicable:
      return "not-applicable";
  }
  return "unknown";
}

}  // namespace cleave
