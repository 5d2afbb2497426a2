#include "app/capture_trim.h"

#include "base/text.h"
#include "facts/packages.h"

namespace cleave {
namespace {

constexpr std::string_view kOpt = "/opt/";
constexpr std::string_view kPacmanPackages = "/var/lib/pacman/local/";
constexpr std::string_view kDpkgStatus = "/var/lib/dpkg/status";

// "/opt/qemu-11" of "/opt/qemu-11/bin/qemu-system-x86_64".
std::string_view place_in_opt(std::string_view path) {
  return path.substr(0, path.find('/', kOpt.size()));
}

bool is_something(const MemoryNode& node) {
  return node.error_number == 0 && node.status.kind != FileKind::Directory;
}

}  // namespace

CaptureTrim::CaptureTrim(const MemoryHost& machine) {
  for (const auto& [path, node] : machine.nodes()) {
    if (path.starts_with(kOpt) && is_something(node)) kept_in_opt_.emplace(place_in_opt(path));
  }
}

bool CaptureTrim::drops(std::string_view path) const {
  if (path.starts_with(kOpt)) return !kept_in_opt_.contains(place_in_opt(path));
  if (!path.starts_with(kPacmanPackages)) return false;
  const std::string_view entry = path.substr(kPacmanPackages.size());
  for (const PackageName& package : {kVirglrenderer, kMesa}) {
    if (pacman_version(entry, package.arch)) return false;
  }
  return true;
}

void CaptureTrim::shorten(std::string_view path, MemoryNode& node) {
  if (path != kDpkgStatus || node.error_number != 0 || node.read_error != 0) return;
  node.content = dpkg_excerpt(node.content);
  node.status.size = node.content.size();
}

}  // namespace cleave
