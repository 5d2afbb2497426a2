// Brings QEMU's source to where it is built: fetched, unpacked and changed, each as the user who
// builds and never as root.
#pragma once

#include <cstdint>
#include <string>

#include "app/build_tool.h"
#include "base/result.h"
#include "host/host.h"
#include "qemu_build/source.h"

namespace cleave {

// What an unfinished build has. Below `tree` all belongs to the user who builds.
struct BuildWork {
  std::string directory;  // of cleave: state, log, lock
  std::string tree;       // "…/tree", with archive/, source/, build/, staging/
  BuildSource source;
  std::string sha256;   // that the archive shall have; "" if none was named
  std::string keyring;  // one of whose keys must have signed it; "" if none was named
  std::uint32_t refresh_ms = 0;
  int cancel = -1;

  [[nodiscard]] std::string archive() const { return tree + "/archive"; }
  [[nodiscard]] std::string build() const { return tree + "/build"; }
  [[nodiscard]] std::string staging() const { return tree + "/staging"; }
  // The source as it is built. A directory of somebody's is used where it is, unless it is changed
  // or a git checkout, in which QEMU's configure changes submodules: then a copy.
  [[nodiscard]] std::string source_directory() const;
  [[nodiscard]] bool copies_directory() const;
};

// Each may be called again after it was interrupted.
Result<void> fetch_source(const HostReader& host, const BuildWork& work, BuildTools& tools);
Result<void> unpack_to_tree(const BuildWork& work, BuildTools& tools);
Result<void> change_source(const BuildWork& work, const BuildTools& tools);

// One line on what exactly it is: "qemu 7.2+dfsg-7+deb12u18", "sha256 …", "commit …".
std::string source_detail(const BuildWork& work, BuildTools& tools);

// Acts as the builder, for work in the tree. No program may be started meanwhile.
Result<ActingAs> as_builder(const BuildTools& tools);

}  // namespace cleave
