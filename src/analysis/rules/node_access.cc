#include "analysis/rules/node_access.h"

#include <algorithm>

#include "base/format.h"

namespace cleave {
namespace {

constexpr std::uint32_t kGroupMayBoth = 0060;  // reads and writes

bool is_in(const Facts& facts, std::uint32_t group) {
  const ProcessIds* ids = facts.user.ids.value();
  return ids != nullptr && std::ranges::binary_search(ids->groups, group);
}

bool is_listed(const Facts& facts, const UserGroup& group) {
  const std::string* name = facts.user.name.value();
  return name != nullptr && std::ranges::find(group.members, *name) != group.members.end();
}

}  // namespace

std::string group_that_opens(const Facts& facts, const NodeAccess& node, const char* usual) {
  const bool opens = node.group != 0 && (node.mode & kGroupMayBoth) == kGroupMayBoth;
  const UserGroup* group = opens ? facts.user.group(node.group) : nullptr;
  return group != nullptr ? group->name : usual;
}

Evidence access_evidence(const Facts& facts, const NodeAccess& node) {
  const UserGroup* group = facts.user.group(node.group);
  std::string text = format("mode {:04o}, group {}", node.mode,
                            group != nullptr ? group->name : std::to_string(node.group));
  if (group != nullptr && !node.usable && !is_in(facts, node.group) && is_listed(facts, *group)) {
    text += "; /etc/group lists you, but you logged in before that";
  }
  return {node.path, std::move(text)};
}

}  // namespace cleave
