#include <algorithm>
#include <array>

#include "analysis/rules/families.h"
#include "analysis/seen_messages.h"

namespace cleave {
namespace {

// In the order of the story that a report tells.
constexpr std::array kFamilies = {
    cpu_rules,           kvm_rules,     iommu_rules,        host_rules,   boot_rules,
    limits_rules,        session_rules, display_rules,      qemu_rules,   gpu_rules,
    gpu_firmware_rules,  gvt_g_rules,   gvt_g_trap_rules,   sr_iov_rules, passthrough_rules,
    virtio_gpu_rules,    guest_rules,   guest_system_rules, mdev_rules,   log_rules,
    previous_boot_rules,
};

std::vector<const Rule*> list_rules() {
  std::vector<const Rule*> rules;
  for (const auto family : kFamilies) {
    for (const Rule& rule : family()) rules.push_back(&rule);
  }
  return rules;
}

}  // namespace

const std::vector<const Rule*>& all_rules() {
  static const std::vector<const Rule*> rules = list_rules();
  return rules;
}

const Rule* find_rule(std::string_view id) {
  const auto& rules = all_rules();
  const auto found = std::ranges::find(rules, id, &Rule::id);
  return found == rules.end() ? nullptr : *found;
}

std::vector<Finding> run_rules(const Facts& facts) {
  std::vector<Finding> findings;
  const std::string* log = facts.kernel_log.value();
  const SeenMessages seen = log != nullptr ? find_messages(*log) : SeenMessages();
  const auto run = [&](RuleScope scope, const PciDevice* gpu) {
    for (const Rule* rule : all_rules()) {
      if (rule->scope != scope) continue;
      Finding finding{rule, std::nullopt,
                      rule->check({facts, gpu, log != nullptr ? &seen : nullptr})};
      if (gpu != nullptr) finding.gpu = gpu->address;
      findings.push_back(std::move(finding));
    }
  };
  run(RuleScope::Machine, nullptr);
  for (const PciDevice* gpu : gpus_of(facts)) run(RuleScope::Gpu, gpu);
  return findings;
}

}  // namespace cleave
