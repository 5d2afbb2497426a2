// What several ways want of the host alike. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "analysis/rule.h"
#include "facts/facts.h"
#include "plan/preparation.h"

namespace cleave {

// Whether the rule of that id fails on the subject. False for an unknown outcome: what nobody could
// read is no reason to change anything.
bool fails(std::string_view rule, const Subject& subject);

HostLine module_at_boot(std::string name, Message reason);

// For ways whose device QEMU opens in /dev/vfio: who may use KVM may open it, and may lock the
// memory of a guest. A remark instead of the rights where the system has no group kvm.
Preparation vfio_rights(const Facts& facts);

// That intel_iommu=igfx_off stays as it is, and why; empty if it is not given.
std::optional<Message> igfx_off_remark(const Facts& facts);

}  // namespace cleave
