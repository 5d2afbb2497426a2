// Whose a device node is, in words, and which group opens it. Pure.
#pragma once

#include <string>

#include "analysis/rule.h"

namespace cleave {

// The group that may use the node: the node's own if that is one for people, else `usual`, to
// which systemd's udev rules give such nodes (50-udev-default.rules).
std::string group_that_opens(const Facts& facts, const NodeAccess& node, const char* usual);

// "mode 0660, group kvm; you are in its list, but logged in before" and the like.
Evidence access_evidence(const Facts& facts, const NodeAccess& node);

}  // namespace cleave
