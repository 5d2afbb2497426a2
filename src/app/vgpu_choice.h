// What a person's wish for a vGPU comes to on this machine: on what, of which type, by which way.
#pragma once

#include <optional>
#include <string>

#include "app/vgpu.h"
#include "base/result.h"
#include "ways/way.h"

namespace cleave {

// Null if there is none of that address, or the devices could not be read.
const PciDevice* find_pci_device(const Facts& facts, const PciAddress& address);

// The name as the machine has it: PCI addresses may be given without their domain. A name that is
// not there is left to the way, which knows why.
std::string parent_name(const std::string& name);

// Null if it is not registered.
const VgpuParent* find_parent(const VgpuView& view, const std::string& name);

// The name as the machine has it; without a wish the only GPU. Unsupported if nothing offers vGPUs,
// Malformed if there is a choice.
Result<std::string> choose_parent(const VgpuView& view, const std::optional<std::string>& wish);

// Without a wish the best type that fits now; Busy if none does. Empty without a parent: the way
// refuses anyway, whatever the type.
Result<std::string> choose_type(const VgpuParent* parent, const std::optional<std::string>& wish);

// GVT-g knows what may be wrong with a GPU; anything else is any driver's mediated device.
Result<const Way*> way_for(const Facts& facts, const std::string& parent);

// As Way::attach. Where the parent is not registered the whole machine is read, which tells why.
Result<Plan> attach_plan(const VgpuView& view, const VgpuRequest& request);

}  // namespace cleave
