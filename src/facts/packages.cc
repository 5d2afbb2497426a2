#include "facts/packages.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace cleave {
namespace {

// memmem(3): several times as fast as string_view::find, in files of megabytes.
std::size_t find_text(std::string_view text, std::string_view wanted) {
  const void* found = ::memmem(text.data(), text.size(), wanted.data(), wanted.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// Calls `visit` with each paragraph of a package: one for each architecture that it is there for.
// dpkg writes “Package:” first, and an empty line between paragraphs (deb822(5)).
template <typename Visit>
void each_paragraph(std::string_view status, std::string_view package, Visit visit) {
  const std::string head = "Package: " + std::string(package) + "\n";
  bool at_start = true;
  while (!status.empty()) {
    const bool here = at_start && status.starts_with(head);
    at_start = false;
    const std::size_t at = here ? 0 : find_text(status, "\n" + head);
    if (at == std::string_view::npos) return;
    status.remove_prefix(here ? 0 : at + 1);
    const std::size_t end = std::min(find_text(status, "\n\n"), status.size());
    visit(status.substr(0, end));
    status.remove_prefix(end);
  }
}

constexpr std::string_view kStatus = "Status: ";
constexpr std::string_view kVersion = "Version: ";

}  // namespace

std::string changelog_version(std::string_view changelog) {
  constexpr std::size_t kLongestLine = 300;
  const std::string_view line = changelog.substr(0, std::min(changelog.find('\n'), kLongestLine));
  // deb-changelog(5).
  const std::size_t open = line.find(" (");
  const std::size_t close = line.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) {
    return {};
  }
  return printable(line.substr(open + 2, close - open - 2));
}

std::string dpkg_version(std::string_view status, std::string_view package) {
  std::string version;
  each_paragraph(status, package, [&version](std::string_view paragraph) {
    bool installed = false;
    std::string found;
    for (const std::string_view line : lines(paragraph)) {
      // dpkg-query(1): what is wanted, the error flag, and the state.
      if (line.starts_with(kStatus)) installed = line.ends_with(" installed");
      if (line.starts_with(kVersion)) found = printable(trim(line.substr(kVersion.size())));
    }
    if (installed && version.empty()) version = std::move(found);
  });
  return version;
}

std::string dpkg_excerpt(std::string_view status) {
  std::string excerpt;
  for (const PackageName& name : {kVirglrenderer, kMesa}) {
    each_paragraph(status, name.debian, [&](std::string_view paragraph) {
      excerpt.append("Package: ").append(name.debian).append("\n");
      for (const std::string_view line : lines(paragraph)) {
        // Not in front: a blank there makes a line part of the field before (deb-control(5)).
        const std::string_view field = line.substr(0, line.find_last_not_of(" \t\r") + 1);
        if (!field.starts_with(kStatus) && !field.starts_with(kVersion)) continue;
        excerpt.append(printable(field)) += '\n';
      }
      excerpt += '\n';
    });
  }
  return excerpt;
}

std::optional<std::string> pacman_version(std::string_view entry, std::string_view package) {
  // NAME-VERSION-RELEASE, of which only NAME may have a hyphen (PKGBUILD(5)).
  if (!entry.starts_with(package)) return std::nullopt;
  const std::string_view rest = entry.substr(package.size());
  if (!rest.starts_with('-') || std::ranges::count(rest, '-') != 2) return std::nullopt;
  return printable(rest.substr(1));
}

}  // namespace cleave
