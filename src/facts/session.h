// Who sits at the machine and how: login sessions, and what the user of cleave may open. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/fact.h"

namespace cleave {

// What logind says of one session (src/login/logind-session.c of systemd, session_save).
struct LoginSession {
  std::string id;     // "2", the file's name
  std::string type;   // "wayland", "x11", "mir", "tty", "web", "unspecified"
  std::string klass;  // "user", "greeter", "lock-screen", "background", "manager"
  std::string seat;   // "seat0"; empty: at no seat
  std::string state;  // "active", "online", "opening", "closing"
  std::uint32_t user = 0;
  bool active = false;  // in the foreground of its seat
  bool remote = false;  // over the network

  // A desktop on a screen of this machine, or over the network.
  [[nodiscard]] bool is_graphical() const {
    return type == "wayland" || type == "x11" || type == "mir";
  }
  // Somebody's own, neither the login screen nor a service's.
  [[nodiscard]] bool is_of_a_person() const { return klass.starts_with("user"); }
};

// A file of /run/systemd/sessions. Empty if it is none: it names no user.
std::optional<LoginSession> parse_login_session(std::string_view text, std::string_view id);

// "…/session-2.scope" of /proc/self/cgroup → "2": the session that a process belongs to. Empty
// for one that belongs to the user's own manager, as desktops start their programs.
std::optional<std::string> session_of_cgroup(std::string_view text);

struct SessionFacts {
  // Sorted by id; none where nobody is logged in. Absent: no logind here.
  Fact<std::vector<LoginSession>> sessions;
  // The session that cleave was called in; absent: in none that logind knows.
  Fact<std::string> own;
  // "gdm.service"; absent: the system starts no login screen.
  Fact<std::string> display_manager;
};

// A row of group(5).
struct UserGroup {
  std::string name;
  std::uint32_t id = 0;
  std::vector<std::string> members;  // those that the file names; users' first groups are not here

  bool operator==(const UserGroup&) const = default;
};

// Rows of another form are passed over; of more than 10,000 the rest is left out.
std::vector<UserGroup> parse_groups(std::string_view text);

// The ids that a process has, of /proc/self/status: the effective user, all groups.
struct ProcessIds {
  std::uint32_t user = 0;
  std::vector<std::uint32_t> groups;  // with the effective one, sorted
};
std::optional<ProcessIds> parse_process_ids(std::string_view text);

struct UserFacts {
  Fact<std::string> name;  // absent: not logged in, or nobody who can be named
  Fact<ProcessIds> ids;
  Fact<std::vector<UserGroup>> groups;  // all of /etc/group

  // Empty: no group of that id, or not known.
  [[nodiscard]] const UserGroup* group(std::uint32_t id) const;
  [[nodiscard]] const UserGroup* group(std::string_view name) const;
};

}  // namespace cleave
