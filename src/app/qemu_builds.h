// The QEMUs that cleave built: where they are, what is known of them, and how one is removed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "host/host.h"
#include "qemu_build/record.h"
#include "run/process.h"

namespace cleave {

struct BuildPlaces {
  std::string builds;  // a directory with one for each build
  std::string work;    // the same for unfinished ones
  // As whom sources are unpacked and programs of the build are run; empty: as the caller, who is
  // not root.
  std::optional<Credentials> builder;
};

// Root's builds are for everybody: /usr/local/lib/cleave/qemu, with /var/cache/cleave/qemu-build.
// Else $XDG_DATA_HOME/cleave/qemu and $XDG_CACHE_HOME/cleave/qemu-build.
Result<BuildPlaces> build_places(const HostReader& host);

// Where builds are looked for: those of the VMs' owner, then root's. Only root's on machines that
// are not live.
std::vector<std::string> build_directories(const HostReader& host);

struct QemuBuild {
  BuildRecord record;
  std::string directory;  // as it is found: below build_directories()
  std::string prefix;     // with links resolved

  [[nodiscard]] std::string program() const;
};
// Of all those directories, by name; an own one hides root's.
std::vector<QemuBuild> list_builds(const HostReader& host);
// Empty if there is none of that name.
std::optional<QemuBuild> find_build(const HostReader& host, const std::string& name);
// Of one directory; an error if it is no build.
Result<QemuBuild> read_build(const HostReader& host, const std::string& directory,
                             const std::string& name);

// NotFound if there is none; Denied for root's build by others; Conflict, with their names, while
// VMs of this user are defined with it or run on it.
Result<QemuBuild> remove_build(HostWriter& host, const VmEnvironment& environment,
                               const std::string& name);

}  // namespace cleave
