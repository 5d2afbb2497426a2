// What others keep: definitions of mediated devices, and who else hands out vGPUs and functions.
#include <algorithm>
#include <set>

#include "analysis/guest_use.h"
#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kMostEvidence = 8;

bool exists(const Facts& facts, const std::string& uuid) {
  const auto* devices = facts.mediated_devices.value();
  return devices != nullptr &&
         std::ranges::find(*devices, uuid, &MediatedDevice::uuid) != devices->end();
}

// What is wrong with one definition; empty: nothing.
std::string problem_of(const Facts& facts, const MdevDefinition& definition) {
  if (!definition.problem.empty()) return definition.problem;
  const std::vector<MdevParent> parents = facts.mdev_parents.value_or({});
  const auto parent = std::ranges::find(parents, definition.parent, &MdevParent::name);
  if (parent == parents.end()) return "there is no parent " + definition.parent;
  const auto type = std::ranges::find(parent->types, definition.type, &MdevType::id);
  if (type == parent->types.end()) {
    return definition.parent + " has no type " + definition.type;
  }
  const bool is_full = type->available_instances.is_known() &&
                       *type->available_instances.value() == 0 && definition.starts_by_itself &&
                       !exists(facts, definition.uuid);
  return is_full ? "no room for another " + definition.type : "";
}

Outcome check_definitions(const Subject& subject) {
  const auto& all = subject.facts.virtual_machines.mdev_definitions;
  if (const auto unread = missing(all)) return Outcome::unknown({*unread});
  if (all.is_absent() || all.value()->empty()) return Outcome::not_applicable();
  if (const auto unread = missing(subject.facts.mdev_parents)) return Outcome::unknown({*unread});
  std::vector<Evidence> wrong;
  std::set<std::string> started;
  for (const MdevDefinition& definition : *all.value()) {
    std::string problem = problem_of(subject.facts, definition);
    // The same UUID may be defined below several parents, but only one of them can be active.
    if (definition.starts_by_itself && !started.insert(definition.uuid).second) {
      problem = "started below two parents";
    }
    if (!problem.empty() && wrong.size() < kMostEvidence) {
      wrong.push_back({definition.path, std::move(problem)});
    }
  }
  if (!wrong.empty()) return Outcome::fail(std::move(wrong));
  return Outcome::pass({{all.source(), std::to_string(all.value()->size()) + " definitions"}});
}

Outcome check_other_manager(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  const VirtualMachineFacts& machines = subject.facts.virtual_machines;
  if (gpu.is_virtual_function) return Outcome::not_applicable();
  std::vector<Evidence> seen;
  std::set<std::string> who;
  for (const GuestUse& use : guests_of(subject.facts, gpu)) {
    if (use.machine->source == VmSource::Process || use.share == GuestShare::Whole) continue;
    who.insert(use.machine->source == VmSource::Libvirt ? "libvirt" : "Proxmox VE");
    if (seen.size() >= kMostEvidence) continue;
    seen.push_back({use.machine->place, use.settings->name + " uses " + device_name(*use.device)});
  }
  for (const MdevDefinition& definition : machines.mdev_definitions.value_or({})) {
    if (definition.parent != to_text(gpu.address)) continue;
    who.insert("mdevctl");
    if (seen.size() < kMostEvidence) seen.push_back({definition.path, definition.type});
  }
  if (!seen.empty()) {
    return Outcome::fail(std::move(seen),
                         {{"who", join(std::vector<std::string>(who.begin(), who.end()), ", ")}});
  }
  if (const auto unread = missing(machines.libvirt)) return Outcome::unknown({*unread});
  if (const auto unread = missing(machines.proxmox)) return Outcome::unknown({*unread});
  if (const auto unread = missing(machines.mdev_definitions)) return Outcome::unknown({*unread});
  return Outcome::pass({{machines.libvirt.source(), "nothing of this GPU"}});
}

constexpr Rule kRules[] = {
    {.id = "mdev.definitions",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The vGPUs that mdevctl has defined can be made"),
     .why = N_("A definition names a parent or type that is not there, or has no room left: its "
               "vGPU will be missing after the next start, and with it the VM that wants it."),
     .remedy =
         N_("Look at them with “mdevctl list -d -v”; change the type with “mdevctl modify” or "
            "take the definition away with “mdevctl undefine”."),
     .check = check_definitions},
    {.id = "mdev.other_manager",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Nobody but cleave hands out this GPU's vGPUs and virtual functions"),
     .why = N_("{who} makes or removes vGPUs and virtual functions of this GPU, too: room that one "
               "of them counts on may be taken by the other. That is no fault."),
     .remedy = N_("Let one of them share a GPU. cleave leaves alone what it has not made."),
     .check = check_other_manager},
};

}  // namespace

std::span<const Rule> mdev_rules() { return kRules; }

}  // namespace cleave
