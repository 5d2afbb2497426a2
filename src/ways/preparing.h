// What several ways want of the host alike. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/rule.h"
#include "base/result.h"
#include "facts/facts.h"
#include "plan/preparation.h"

namespace cleave {

// Whether the rule of that id fails on the subject. False for an unknown outcome: what nobody could
// read is no reason to change anything.
bool fails(std::string_view rule, const Subject& subject);

// Refuses a mode because of failed needs that nobody but the firmware, a vendor or a person can
// meet, and without which nothing that cleave writes would help, or would do harm. `deciding`: of
// the mode's verdict, worst first. Empty: nothing of that kind.
std::optional<Error> what_comes_first(const std::vector<const Finding*>& deciding);

// For a failed need that a person has to meet beside what cleave does: what it means, what to do.
std::vector<Message> left_to_people(const Finding& finding);

// The error of a refusal: why, and what to do.
Error refusal(Message why, Message remedy);

HostLine module_at_boot(std::string name, Message reason);

// The last value of a parameter on the running command line; "" if it is not given.
std::string given_value(const Facts& facts, std::string_view name);

// A comma-separated list with `item` in it and without `contrary`.
std::string list_with(std::string_view list, std::string_view item, std::string_view contrary);

// For ways whose device QEMU opens in /dev/vfio: who may use KVM may open it, and may lock the
// memory of a guest; and a suspend asks for such VMs. Where the system has no group kvm, a remark
// instead of the rights: `without_group`, which has a field {group}.
Preparation vfio_rights(const Facts& facts, const char* without_group);

// That intel_iommu=igfx_off stays as it is, and why; empty if it is not given.
std::optional<Message> igfx_off_remark(const Facts& facts);

}  // namespace cleave
