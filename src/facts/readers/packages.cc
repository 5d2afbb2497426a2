// Versions of packages, where the distribution's list is plain text: dpkg's and pacman's. rpm's
// is a database, which is not read.
#include "facts/packages.h"

#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr const char* kDpkgStatus = "/var/lib/dpkg/status";
constexpr std::size_t kDpkgLimit = std::size_t{32} << 20U;  // 5,000 packages take some 6 MB
constexpr const char* kPacmanPackages = "/var/lib/pacman/local";

using Names = std::vector<std::string>;

Fact<std::string> version_or_absent(std::string version, const char* source) {
  if (version.empty()) return {Absent{}, source};
  return {std::move(version), source};
}

Fact<std::string> pacman_fact(const Names& names, const PackageName& package) {
  for (const std::string& name : names) {
    if (auto version = pacman_version(name, package.arch)) return {*version, kPacmanPackages};
  }
  return {Absent{}, kPacmanPackages};
}

}  // namespace

void read_packages(const HostReader& host, QemuFacts& qemu) {
  const auto status = host.read_file(kDpkgStatus, kDpkgLimit);
  if (status) {
    qemu.virglrenderer =
        version_or_absent(dpkg_version(*status, kVirglrenderer.debian), kDpkgStatus);
    qemu.mesa = version_or_absent(dpkg_version(*status, kMesa.debian), kDpkgStatus);
    return;
  }
  if (status.error().code != ErrorCode::NotFound) {
    qemu.virglrenderer = fact_from_error<std::string>(status.error(), kDpkgStatus);
    qemu.mesa = qemu.virglrenderer;
    return;
  }
  const auto names = host.list_directory(kPacmanPackages);
  if (names) {
    qemu.virglrenderer = pacman_fact(*names, kVirglrenderer);
    qemu.mesa = pacman_fact(*names, kMesa);
    return;
  }
  qemu.virglrenderer =
      Unreadable{.path = "virglrenderer", .why = "no list of packages that can be read here"};
  qemu.mesa = Unreadable{.path = "mesa", .why = "no list of packages that can be read here"};
}

}  // namespace cleave
