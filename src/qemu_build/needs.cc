#include "qemu_build/needs.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

const char* name_in(const PackageNames& names, DistributionFamily family) {
  switch (family) {
    case DistributionFamily::Fedora:
      return names.fedora;
    case DistributionFamily::Arch:
      return names.arch;
    case DistributionFamily::Suse:
      return names.suse;
    case DistributionFamily::Debian:
    case DistributionFamily::Other:
      break;
  }
  return names.debian;
}

constexpr PackageNames same(const char* name) {
  return {.debian = name, .fedora = name, .arch = name, .suse = name};
}

bool family_of_word(std::string_view word, DistributionFamily& family) {
  struct Row {
    const char* word;
    DistributionFamily family;
  };
  static constexpr Row kRows[] = {
      {"debian", DistributionFamily::Debian},
      {"ubuntu", DistributionFamily::Debian},
      {"fedora", DistributionFamily::Fedora},
      {"rhel", DistributionFamily::Fedora},
      {"centos", DistributionFamily::Fedora},
      {"arch", DistributionFamily::Arch},
      {"manjaro", DistributionFamily::Arch},
      {"suse", DistributionFamily::Suse},
      {"opensuse-leap", DistributionFamily::Suse},
      {"opensuse-tumbleweed", DistributionFamily::Suse},
      {"opensuse", DistributionFamily::Suse},
  };
  const auto* found = std::ranges::find(kRows, word, &Row::word);
  if (found == std::ranges::end(kRows)) return false;
  family = found->family;
  return true;
}

}  // namespace

DistributionFamily distribution_family(std::string_view id, std::string_view id_like) {
  DistributionFamily family = DistributionFamily::Other;
  if (family_of_word(id, family)) return family;
  for (const std::string_view word : words(id_like)) {
    if (family_of_word(word, family)) return family;
  }
  return family;
}

std::vector<BuildNeed> basic_needs(const BuildNeedsOf& what) {
  std::vector<BuildNeed> needs = {
      {NeedKind::Program, "cc", same("gcc")},
      {NeedKind::Program, "make", same("make")},
      {NeedKind::Program,
       "ninja",
       {.debian = "ninja-build", .fedora = "ninja-build", .arch = "ninja", .suse = "ninja"}},
      {NeedKind::Program, "meson", same("meson")},
      {NeedKind::Program,
       "python3",
       {.debian = "python3", .fedora = "python3", .arch = "python", .suse = "python3"}},
      {NeedKind::Program,
       "pkg-config",
       {.debian = "pkg-config",
        .fedora = "pkgconf-pkg-config",
        .arch = "pkgconf",
        .suse = "pkg-config"}},
      // Firmware for ARM and x86 lies packed in QEMU's own tarballs (pc-bios/*.bz2).
      {NeedKind::Program, "bzip2", same("bzip2")},
      {NeedKind::Module,
       "glib-2.0",
       {.debian = "libglib2.0-dev",
        .fedora = "glib2-devel",
        .arch = "glib2",
        .suse = "glib2-devel"}},
      {NeedKind::Module,
       "pixman-1",
       {.debian = "libpixman-1-dev",
        .fedora = "pixman-devel",
        .arch = "pixman",
        .suse = "libpixman-1-0-devel"}},
      {NeedKind::Module,
       "zlib",
       {.debian = "zlib1g-dev", .fedora = "zlib-devel", .arch = "zlib", .suse = "zlib-devel"}},
      // Missed only at configure's very end. Debian's has no file for pkg-config.
      {NeedKind::Header,
       "libfdt.h",
       {.debian = "libfdt-dev", .fedora = "libfdt-devel", .arch = "dtc", .suse = "libfdt-devel"}},
  };
  if (what.is_distribution) {
    needs.push_back({NeedKind::Program, "dpkg-source", same("dpkg-dev")});
    needs.push_back({NeedKind::Program, "apt-get", same("apt")});
  }
  if (what.is_git) needs.push_back({NeedKind::Program, "git", same("git")});
  if (what.is_download) needs.push_back({NeedKind::Program, "curl", same("curl")});
  if (what.checks_signature) {
    needs.push_back({NeedKind::Program,
                     "gpgv",
                     {.debian = "gpgv", .fedora = "gnupg2", .arch = "gnupg", .suse = "gpg2"}});
  }
  if (what.needs_venv) {
    needs.push_back(
        {NeedKind::PythonModule,
         "ensurepip",
         {.debian = "python3-venv", .fedora = "python3", .arch = "python", .suse = "python3-pip"}});
  }
  return needs;
}

std::vector<std::string> packages_for(const std::vector<BuildNeed>& needs,
                                      DistributionFamily family) {
  std::vector<std::string> packages;
  for (const BuildNeed& need : needs) packages.emplace_back(name_in(need.packages, family));
  std::ranges::sort(packages);
  const auto repeated = std::ranges::unique(packages);
  packages.erase(repeated.begin(), repeated.end());
  return packages;
}

Message install_remedy(const std::vector<std::string>& packages, DistributionFamily family) {
  const std::string names = join(packages, " ");
  switch (family) {
    case DistributionFamily::Debian:
      return {N_("Install them: sudo apt-get install --no-install-recommends {packages}"),
              {{"packages", names}}};
    case DistributionFamily::Fedora:
      return {N_("Install them: sudo dnf install {packages}"), {{"packages", names}}};
    case DistributionFamily::Arch:
      return {N_("Install them: sudo pacman -S --needed {packages}"), {{"packages", names}}};
    case DistributionFamily::Suse:
      return {N_("Install them: sudo zypper install {packages}"), {{"packages", names}}};
    case DistributionFamily::Other:
      break;
  }
  return {N_("Install what holds them; Debian calls the packages: {packages}"),
          {{"packages", names}}};
}

}  // namespace cleave
