// What is told at the login to a desktop, where nobody sees /run/motd.d.
#pragma once

#include <string>
#include <string_view>

namespace cleave {

// A unit of the user's systemd that shows `text` once, when the desktop is up
// (org.freedesktop.Notifications, Desktop Notifications Specification 1.2).
std::string desktop_notice_unit(std::string_view text);

// A drop-in of graphical-session.target (systemd.special(7)) that wants the unit of that name.
std::string desktop_notice_wanted(std::string_view unit);

}  // namespace cleave
