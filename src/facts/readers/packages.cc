// Versions of packages, where the distribution's list is plain text: dpkg's and pacman's. rpm's
// is a database, which is not read.
#include "facts/packages.h"

#include <array>

#include "base/format.h"
#include "facts/readers/decompress.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr const char* kDpkgInfo = "/var/lib/dpkg/info";
constexpr const char* kDpkgStatus = "/var/lib/dpkg/status";
constexpr std::size_t kDpkgLimit = std::size_t{32} << 20U;  // 5,000 packages take some 6 MB
constexpr std::size_t kChangelogLimit = std::size_t{8} << 20U;
constexpr const char* kPacmanPackages = "/var/lib/pacman/local";
// In libexecdir (server/meson.build of virglrenderer): Debian's and Fedora's, Arch's.
constexpr std::array kRenderServers = {"/usr/libexec/virgl_render_server",
                                       "/usr/lib/virgl_render_server"};

using Names = std::vector<std::string>;

// Megabytes to read for a line: only where there is no changelog, as in small images.
Fact<std::string> version_in_status(const HostReader& host, std::string_view package) {
  const auto status = host.read_file(kDpkgStatus, kDpkgLimit);
  if (!status) return fact_from_error<std::string>(status.error(), kDpkgStatus);
  std::string version = dpkg_version(*status, package);
  if (version.empty()) return {Absent{}, kDpkgStatus};
  return {std::move(version), kDpkgStatus};
}

// dpkg keeps a list of files for each package; a package that is for several architectures at
// once has its own in the name.
Fact<std::string> dpkg_fact(const HostReader& host, std::string_view package) {
  const std::string list = format("{}/{}", kDpkgInfo, package);
  if (!host.exists(list + ":amd64.list") && !host.exists(list + ".list")) {
    return {Absent{}, kDpkgInfo};
  }
  const std::string path = format("/usr/share/doc/{}/changelog.Debian.gz", package);
  const auto packed = host.read_file(path);
  const auto text = packed ? decompress(*packed, kChangelogLimit) : Result<std::string>(Error());
  std::string version = text ? changelog_version(*text) : std::string();
  if (version.empty()) return version_in_status(host, package);
  return {std::move(version), path};
}

Fact<std::string> pacman_fact(const Names& names, const PackageName& package) {
  for (const std::string& name : names) {
    if (auto version = pacman_version(name, package.arch)) return {*version, kPacmanPackages};
  }
  return {Absent{}, kPacmanPackages};
}

}  // namespace

Fact<std::string> read_render_server(const HostReader& host) {
  for (const char* path : kRenderServers) {
    const auto status = host.status(path);
    if (status) return {path, path};
    if (status.error().code != ErrorCode::NotFound) {
      return fact_from_error<std::string>(status.error(), path);
    }
  }
  return {Absent{}, kRenderServers.front()};
}

void read_packages(const HostReader& host, QemuFacts& qemu) {
  const auto dpkg = host.status(kDpkgInfo);
  if (dpkg) {
    qemu.virglrenderer = dpkg_fact(host, kVirglrenderer.debian);
    qemu.mesa = dpkg_fact(host, kMesa.debian);
    return;
  }
  if (dpkg.error().code != ErrorCode::NotFound) {
    qemu.virglrenderer = fact_from_error<std::string>(dpkg.error(), kDpkgInfo);
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
