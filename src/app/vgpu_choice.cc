#include "app/vgpu_choice.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "facts/readers/read_facts.h"

namespace cleave {
namespace {

std::string names_of(const std::vector<VgpuParent>& parents) {
  std::vector<std::string> names;
  for (const VgpuParent& parent : parents) names.push_back(parent.parent->name);
  return join(names, ", ");
}

}  // namespace

std::string parent_name(const std::string& name) {
  const auto address = parse_pci_address(name);
  return address ? to_text(*address) : name;
}

const PciDevice* find_pci_device(const Facts& facts, const PciAddress& address) {
  const auto* devices = facts.pci_devices.value();
  if (devices == nullptr) return nullptr;
  const auto found = std::ranges::find(*devices, address, &PciDevice::address);
  return found == devices->end() ? nullptr : &*found;
}

const VgpuParent* find_parent(const VgpuView& view, const std::string& name) {
  const auto found = std::ranges::find(view.parents, name,
                                       [](const VgpuParent& each) { return each.parent->name; });
  return found == view.parents.end() ? nullptr : &*found;
}

Result<std::string> choose_parent(const VgpuView& view, const std::optional<std::string>& wish) {
  if (wish) return parent_name(*wish);
  if (view.parents.empty()) {
    return error_of(ErrorCode::Unsupported,
                    Message(N_("Nothing on this machine offers vGPUs right now.")),
                    Message(N_("“cleave doctor” tells why, and what can be done.")));
  }
  if (std::ranges::count_if(view.parents, &VgpuParent::is_gpu) == 1) {
    return std::ranges::find_if(view.parents, &VgpuParent::is_gpu)->parent->name;
  }
  return error_of(ErrorCode::Malformed,
                  Message(N_("It is not clear on what the vGPU is to be made; there is: "
                             "{parents}"),
                          {{"parents", names_of(view.parents)}}),
                  Message(N_("Name one of them with --parent.")));
}

Result<std::string> choose_type(const VgpuParent* parent, const std::optional<std::string>& wish) {
  if (wish) return *wish;
  if (parent == nullptr) return std::string();
  if (parent->capacity.best_type) return *parent->capacity.best_type;
  Error error = error_of(ErrorCode::Busy,
                         Message(N_("No type of vGPU on {parent} has an instance left."),
                                 {{"parent", parent->parent->name}}),
                         Message(N_("“cleave vgpu list” shows what takes the room.")));
  // The smallest type's reason holds for all larger ones.
  const auto& types = parent->capacity.types;
  if (!types.empty() && !types.front().reason.empty()) {
    error.context.push_back(types.front().reason);
  }
  return error;
}

Result<const Way*> way_for(const Facts& facts, const std::string& parent) {
  const auto address = parse_pci_address(parent);
  const PciDevice* device = address ? find_pci_device(facts, *address) : nullptr;
  const Way* gvt = find_way("gvt-g");
  if (device != nullptr && gvt != nullptr && gvt->applies_to(*device)) return gvt;
  const Way* any = find_way("mdev");
  if (any != nullptr) return any;
  return error_of(ErrorCode::Unsupported,
                  Message(N_("cleave cannot make vGPUs on {parent}."), {{"parent", parent}}));
}

Result<Plan> attach_plan(const VgpuView& view, const VgpuRequest& request) {
  const Way* way = TRY(way_for(*view.facts, request.parent));
  if (find_parent(view, request.parent) != nullptr) return way->attach(*view.facts, request);
  return way->attach(read_facts(*view.host), request);
}

}  // namespace cleave
