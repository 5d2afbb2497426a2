#include "facts/session.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumGroups = 10'000;
constexpr std::size_t kMaximumGroupIds = 65'536;  // NGROUPS_MAX, include/uapi/linux/limits.h

// "KEY=value" of an environment file, as systemd writes one: quotes only where a value needs them.
std::string_view unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
           (letter >= 'A' && letter <= 'Z') || letter == '_' || letter == '-' || letter == '.';
  });
}

}  // namespace

std::optional<LoginSession> parse_login_session(std::string_view text, std::string_view id) {
  LoginSession session;
  session.id = id;
  bool has_user = false;
  for (const std::string_view line : lines(text)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, equals);
    const std::string_view value = unquoted(trim(line.substr(equals + 1)));
    if (key == "UID") {
      const auto user = parse_unsigned<std::uint32_t>(value);
      if (!user) return std::nullopt;
      session.user = *user;
      has_user = true;
    }
    if (key == "ACTIVE") session.active = value == "1";
    if (key == "REMOTE") session.remote = value == "1";
    // The rest are words of systemd's own lists; what is no word is of nobody's.
    if (!is_plain_name(value)) continue;
    if (key == "TYPE") session.type = value;
    if (key == "CLASS") session.klass = value;
    if (key == "SEAT") session.seat = value;
    if (key == "STATE") session.state = value;
  }
  if (!has_user) return std::nullopt;
  return session;
}

std::optional<std::string> session_of_cgroup(std::string_view text) {
  constexpr std::string_view kStart = "/session-";
  constexpr std::string_view kEnd = ".scope";
  for (const std::string_view line : lines(text)) {
    const std::size_t start = line.rfind(kStart);
    if (start == std::string_view::npos) continue;
    const std::string_view rest = line.substr(start + kStart.size());
    const std::size_t end = rest.find(kEnd);
    if (end == std::string_view::npos || !is_plain_name(rest.substr(0, end))) continue;
    return std::string(rest.substr(0, end));
  }
  return std::nullopt;
}

std::vector<UserGroup> parse_groups(std::string_view text) {
  std::vector<UserGroup> groups;
  while (!text.empty() && groups.size() < kMaximumGroups) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const auto parts = split(text.substr(0, end), ':');
    text.remove_prefix(std::min(end + 1, text.size()));
    if (parts.size() != 4 || parts[0].empty()) continue;
    const auto id = parse_unsigned<std::uint32_t>(parts[2]);
    if (!id) continue;
    UserGroup group{.name = std::string(parts[0]), .id = *id, .members = {}};
    for (const std::string_view member : split(trim(parts[3]), ',')) {
      if (!member.empty()) group.members.emplace_back(member);
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

std::optional<ProcessIds> parse_process_ids(std::string_view text) {
  ProcessIds ids;
  std::set<std::uint32_t> groups;
  bool has_user = false;
  bool has_group = false;
  // "Uid:	real effective saved filesystem" (fs/proc/array.c, task_state).
  for (const std::string_view line : lines(text)) {
    const auto columns = words(line);
    if (columns.size() == 5 && (columns[0] == "Uid:" || columns[0] == "Gid:")) {
      const auto effective = parse_unsigned<std::uint32_t>(columns[2]);
      if (!effective) return std::nullopt;
      if (columns[0] == "Uid:") {
        ids.user = *effective;
        has_user = true;
      } else {
        groups.insert(*effective);
        has_group = true;
      }
    }
    if (columns.empty() || columns[0] != "Groups:") continue;
    for (std::size_t i = 1; i < columns.size() && i <= kMaximumGroupIds; ++i) {
      if (const auto id = parse_unsigned<std::uint32_t>(columns[i])) groups.insert(*id);
    }
  }
  if (!has_user || !has_group) return std::nullopt;
  ids.groups.assign(groups.begin(), groups.end());
  return ids;
}

const UserGroup* UserFacts::group(std::uint32_t id) const {
  const auto* all = groups.value();
  if (all == nullptr) return nullptr;
  const auto found = std::ranges::find(*all, id, &UserGroup::id);
  return found == all->end() ? nullptr : &*found;
}

const UserGroup* UserFacts::group(std::string_view group_name) const {
  const auto* all = groups.value();
  if (all == nullptr) return nullptr;
  const auto found = std::ranges::find(*all, group_name, &UserGroup::name);
  return found == all->end() ? nullptr : &*found;
}

}  // namespace cleave
