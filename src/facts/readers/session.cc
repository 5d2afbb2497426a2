// Who is logged in, and who asks: logind's files and group(5), without a process.
#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumFile = std::size_t{64} << 10U;
constexpr std::size_t kMaximumSessions = 100;
constexpr std::size_t kMaximumGroupFile = std::size_t{4} << 20U;

Fact<std::vector<LoginSession>> read_sessions(const HostReader& host) {
  using Sessions = std::vector<LoginSession>;
  const std::string directory = "/run/systemd/sessions";
  const auto names = host.list_directory(directory);
  if (!names) return fact_from_error<Sessions>(names.error(), directory);
  Sessions sessions;
  for (const std::string& name : *names) {
    // "2.ref" beside "2" is a pipe that tells when the session ends.
    if (name.find('.') != std::string::npos || sessions.size() >= kMaximumSessions) continue;
    const std::string path = join_path(directory, name);
    const auto text = host.read_file(path, kMaximumFile);
    if (!text && text.error().code == ErrorCode::NotFound) continue;  // logged out meanwhile
    if (!text) return fact_from_error<Sessions>(text.error(), path);
    auto session = parse_login_session(*text, name);
    if (!session) return Unreadable{.path = path, .why = "names no user"};
    sessions.push_back(std::move(*session));
  }
  return {std::move(sessions), directory};
}

Fact<std::string> read_own_session(const HostReader& host) {
  const std::string path = "/proc/self/cgroup";
  const auto text = host.read_file(path, kMaximumFile);
  if (!text) return fact_from_error<std::string>(text.error(), path);
  if (auto id = session_of_cgroup(*text)) return {std::move(*id), path};
  return {Absent{}, path};
}

// The alias that every login screen's unit has (systemd.special(7), display-manager.service).
Fact<std::string> read_display_manager(const HostReader& host) {
  return read_link_name_fact(host, "/etc/systemd/system/display-manager.service");
}

// logind knows the name of who is logged in; /etc/passwd would tell of all others, too.
Fact<std::string> read_user_name(const HostReader& host, const Fact<ProcessIds>& ids) {
  if (ids.unreadable() != nullptr) return *ids.unreadable();
  if (!ids.is_known()) return {Absent{}, ids.source()};
  const std::string path = format("/run/systemd/users/{}", ids.value()->user);
  const auto text = host.read_file(path, kMaximumFile);
  if (!text) return fact_from_error<std::string>(text.error(), path);
  constexpr std::string_view kKey = "NAME=";
  for (const std::string_view line : lines(*text)) {
    if (line.starts_with(kKey)) return {std::string(trim(line.substr(kKey.size()))), path};
  }
  return {Absent{}, path};
}

Fact<ProcessIds> read_process_ids(const HostReader& host) {
  const std::string path = "/proc/self/status";
  const auto text = host.read_file(path, kMaximumFile);
  if (!text) return fact_from_error<ProcessIds>(text.error(), path);
  if (auto ids = parse_process_ids(*text)) return {std::move(*ids), path};
  return Unreadable{.path = path, .why = "no rows \"Uid\" and \"Gid\""};
}

}  // namespace

SessionFacts read_session(const HostReader& host) {
  SessionFacts session;
  session.sessions = read_sessions(host);
  session.own = read_own_session(host);
  session.display_manager = read_display_manager(host);
  return session;
}

UserFacts read_user(const HostReader& host) {
  UserFacts user;
  user.ids = read_process_ids(host);
  user.name = read_user_name(host, user.ids);
  const std::string path = "/etc/group";
  const auto text = host.read_file(path, kMaximumGroupFile);
  user.groups = text ? Fact<std::vector<UserGroup>>(parse_groups(*text), path)
                     : fact_from_error<std::vector<UserGroup>>(text.error(), path);
  return user;
}

}  // namespace cleave
