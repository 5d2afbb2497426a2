#include "app/owner.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "apply/transaction.h"
#include "base/text.h"

namespace cleave {
namespace {

// The kernel's overflow user, include/linux/highuid.h; all distributions call it nobody.
constexpr std::uint32_t kNobody = 65534;
constexpr std::size_t kLargestEntry = std::size_t{1} << 20U;
constexpr int kMostGroups = 65536;  // NGROUPS_MAX, include/uapi/linux/limits.h

// Calls getpwnam_r or getpwuid_r with a buffer that grows. Empty: there is no such user.
template <typename Lookup>
Result<std::optional<Owner>> look_up(const Lookup& lookup) {
  std::vector<char> buffer(4096);
  while (true) {
    passwd entry{};
    passwd* found = nullptr;
    const int problem = lookup(&entry, buffer.data(), buffer.size(), &found);
    if (problem == ERANGE && buffer.size() < kLargestEntry) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (problem == EINTR) continue;
    // These, too, mean "no such user" (getpwnam(3)).
    if (problem == ENOENT || problem == ESRCH) return std::optional<Owner>();
    if (problem != 0) {
      return system_error(problem, Message(N_("Could not look into the user database")));
    }
    if (found == nullptr) return std::optional<Owner>();
    Owner owner;
    owner.uid = found->pw_uid;
    owner.gid = found->pw_gid;
    owner.name = found->pw_name;
    owner.home = *found->pw_dir == '\0' ? "/" : found->pw_dir;
    return std::optional<Owner>(std::move(owner));
  }
}

Result<std::optional<Owner>> look_up_number(std::uint32_t uid) {
  return look_up([uid](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwuid_r(uid, entry, buffer, size, found);
  });
}

std::vector<std::uint32_t> groups_of(const Owner& owner) {
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (::getgrouplist(owner.name.c_str(), owner.gid, groups.data(), &count) < 0 &&
         count <= kMostGroups) {
    groups.resize(std::max(static_cast<std::size_t>(count), groups.size() * 2));
    count = static_cast<int>(groups.size());
  }
  groups.resize(std::min(static_cast<std::size_t>(count), groups.size()));
  std::ranges::sort(groups);
  const auto repeated = std::ranges::unique(groups);
  groups.erase(repeated.begin(), repeated.end());
  return {groups.begin(), groups.end()};
}

Result<Owner> owner_by_number(std::uint32_t uid, std::optional<std::uint32_t> gid) {
  std::optional<Owner> found = TRY(look_up_number(uid));
  if (found) {
    if (gid) found->gid = *gid;
    found->groups = groups_of(*found);
    return std::move(*found);
  }
  Owner owner;
  owner.uid = uid;
  owner.gid = gid.value_or(uid);
  owner.name = std::to_string(uid);
  owner.home = "/";
  owner.groups = {owner.gid};
  return owner;
}

Result<Owner> nobody() {
  Owner owner = TRY(owner_by_number(kNobody, std::nullopt));
  owner.groups = {owner.gid};
  return owner;
}

Result<std::uint32_t> sudo_number(const char* name, const std::string& text) {
  if (const auto number = parse_unsigned<std::uint32_t>(text)) return *number;
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = Message(N_("The environment variable {name} is no number: “{text}”"),
                          {{"name", name}, {"text", printable(text)}});
  return error;
}

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

}  // namespace

Caller this_caller() {
  return {
      .uid = ::geteuid(), .sudo_uid = environment("SUDO_UID"), .sudo_gid = environment("SUDO_GID")};
}

Result<Owner> vm_owner(const Caller& caller) {
  if (caller.uid != 0) return owner_by_number(caller.uid, std::nullopt);
  if (!caller.sudo_uid) return nobody();
  const std::uint32_t uid = TRY(sudo_number("SUDO_UID", *caller.sudo_uid));
  if (uid == 0) return nobody();  // root called sudo
  std::optional<std::uint32_t> gid;
  if (caller.sudo_gid) gid = TRY(sudo_number("SUDO_GID", *caller.sudo_gid));
  return owner_by_number(uid, gid);
}

Result<Owner> find_user(std::string_view name) {
  const std::string text(name);
  std::optional<Owner> found =
      TRY(look_up([&text](passwd* entry, char* buffer, std::size_t size, passwd** result) {
        return ::getpwnam_r(text.c_str(), entry, buffer, size, result);
      }));
  if (!found) {
    if (const auto number = parse_unsigned<std::uint32_t>(name)) {
      found = TRY(look_up_number(*number));
    }
  }
  if (!found) {
    Error error;
    error.code = ErrorCode::NotFound;
    error.message =
        Message(N_("There is no user “{name}” on this machine."), {{"name", printable(name)}});
    return error;
  }
  found->groups = groups_of(*found);
  return std::move(*found);
}

std::optional<std::uint32_t> group_number(const std::string& name) {
  std::vector<char> buffer(kLargestEntry);
  group entry{};
  group* found = nullptr;
  const int refused = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (refused != 0 || found == nullptr) return std::nullopt;
  return found->gr_gid;
}

Result<std::string> state_directory(const HostReader& host) {
  if (host.user_id() == 0) return std::string(kStateDirectory);
  // Only an absolute path counts (XDG Base Directory Specification 0.8).
  const auto state_home = environment("XDG_STATE_HOME");
  if (state_home && state_home->starts_with('/')) return join_path(*state_home, "cleave");
  const Owner owner = TRY(owner_by_number(host.user_id(), std::nullopt));
  return join_path(owner.home, ".local/state/cleave");
}

}  // namespace cleave
