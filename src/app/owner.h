// Who a VM belongs to. QEMU never runs as root: under sudo it runs as the person who called sudo,
// under plain root as nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/host.h"

namespace cleave {

struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string name;  // "mina"; the number as text for a user without an entry in passwd
  std::string home;  // "/" if there is none
  // All groups that the user is in by the group database (kvm and render among them, where the
  // user is a member), `gid` included, ascending. Only `gid` for nobody.
  std::vector<std::uint32_t> groups;

  bool operator==(const Owner&) const = default;
};

// Who called cleave: the effective user and what sudo left in the environment.
struct Caller {
  std::uint32_t uid = 0;
  std::optional<std::string> sudo_uid;
  std::optional<std::string> sudo_gid;
};

// Of this process.
Caller this_caller();

// For uid 0 with SUDO_UID: that user; for uid 0 otherwise: nobody (65534); else the caller.
// Never uid 0. Malformed if SUDO_UID or SUDO_GID is no number.
Result<Owner> vm_owner(const Caller& caller);

// By name or by number. NotFound if there is no such user.
Result<Owner> find_user(std::string_view name);

// Of a group's name; empty if there is none of that name.
std::optional<std::uint32_t> group_number(const std::string& name);

// Where the transactions of who runs cleave on `host` are kept: /var/lib/cleave for root, else
// $XDG_STATE_HOME/cleave or ~/.local/state/cleave.
Result<std::string> state_directory(const HostReader& host);

}  // namespace cleave
