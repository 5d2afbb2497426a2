#include "cli/render/desktop_notice.h"

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// Within double quotes of ExecStart= (systemd.service(5), systemd.syntax(7)).
std::string quoted(std::string_view text) {
  std::string all = replace_all(std::string(text), "\\", "\\\\");
  all = replace_all(all, "\"", "\\\"");
  all = replace_all(all, "\n", "\\n");
  all = replace_all(all, "%", "%%");
  all = replace_all(all, "$", "$$");
  return "\"" + all + "\"";
}

// Some desktops take the body for markup.
std::string without_markup(std::string_view text) {
  std::string all = replace_all(std::string(text), "&", "&amp;");
  all = replace_all(all, "<", "&lt;");
  return replace_all(all, ">", "&gt;");
}

}  // namespace

// busctl belongs to systemd itself. The arguments: name, replaces, icon, summary, body, actions,
// hints, and 0 for a notice that stays until it is closed. Whoever shows notices may come up a
// little later than the target.
std::string desktop_notice_unit(std::string_view text) {
  return format(
      "# Written by cleave for this start of the machine.\n"
      "[Unit]\n"
      "Description=Tell on the desktop what cleave has to say\n"
      "DefaultDependencies=no\n"
      "After=graphical-session.target\n"
      "StartLimitIntervalSec=5min\n"
      "StartLimitBurst=20\n"
      "\n"
      "[Service]\n"
      "Type=oneshot\n"
      "RemainAfterExit=yes\n"
      "Restart=on-failure\n"
      "RestartSec=3\n"
      "ExecStart=busctl --user call org.freedesktop.Notifications /org/freedesktop/Notifications "
      "org.freedesktop.Notifications Notify susssasa{{sv}}i cleave 0 \"\" cleave {} 0 0 0\n",
      quoted(without_markup(text)));
}

std::string desktop_notice_wanted(std::string_view unit) {
  return format(
      "# Written by cleave for this start of the machine.\n"
      "[Unit]\n"
      "Wants={}\n",
      unit);
}

}  // namespace cleave
