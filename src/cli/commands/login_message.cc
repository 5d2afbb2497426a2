#include "cli/commands/login_message.h"

#include <string>

#include "app/units.h"
#include "base/format.h"
#include "cli/render/desktop_notice.h"

namespace cleave {
namespace {

constexpr const char* kMessages = "/run/motd.d";  // pam_motd(8)
// Of users' systemd, until the machine is switched off (systemd.unit(5)).
constexpr const char* kUserUnits = "/run/systemd/user";
constexpr const char* kDesktop = "/run/systemd/user/graphical-session.target.d";

Result<void> tell_on_desktop(HostWriter& host, std::string_view name, std::string_view text) {
  const std::string unit = format("{}-notice.service", name);
  TRY(host.create_directories(kDesktop));
  TRY(host.replace_file(join_path(kUserUnits, unit), desktop_notice_unit(text)));
  return host.replace_file(join_path(kDesktop, format("{}.conf", name)),
                           desktop_notice_wanted(unit));
}

}  // namespace

Result<void> tell_at_login(HostWriter& host, std::string_view name, std::string_view text) {
  TRY(host.create_directories(kMessages));
  TRY(host.replace_file(join_path(kMessages, name), text));
  if (!is_started_by_systemd(host)) return {};
  return tell_on_desktop(host, name, text);
}

}  // namespace cleave
