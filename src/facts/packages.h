// What distributions' plain lists of packages say: dpkg's status file, pacman's directory.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cleave {

// A package by the name that each distribution gives it.
struct PackageName {
  std::string_view debian;
  std::string_view arch;
};
inline constexpr PackageName kVirglrenderer = {.debian = "libvirglrenderer1",
                                               .arch = "virglrenderer"};
// The drivers; Debian splits Mesa, and every part has its version.
inline constexpr PackageName kMesa = {.debian = "libgl1-mesa-dri", .arch = "mesa"};

// The version at the head of a Debian changelog, “mesa (25.0.7-2) unstable; urgency=medium”; empty
// if the text does not start so.
std::string changelog_version(std::string_view changelog);

// The version of an installed package in /var/lib/dpkg/status; empty if it is not installed.
std::string dpkg_version(std::string_view status, std::string_view package);
// The same list with nothing in it but the packages above, and of these only what is read.
std::string dpkg_excerpt(std::string_view status);

// A name in /var/lib/pacman/local, "mesa-1:25.0.1-2": the version if it is that package's.
std::optional<std::string> pacman_version(std::string_view entry, std::string_view package);

}  // namespace cleave
