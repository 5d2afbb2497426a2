// What building QEMU needs of the machine, and in which packages each distribution has it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/message.h"

namespace cleave {

enum class DistributionFamily : std::uint8_t { Debian, Fedora, Arch, Suse, Other };

// By ID and ID_LIKE of os-release(5): "ubuntu" with "debian" → Debian.
DistributionFamily distribution_family(std::string_view id, std::string_view id_like);

struct PackageNames {
  const char* debian;
  const char* fedora;
  const char* arch;
  const char* suse;
};

enum class NeedKind : std::uint8_t {
  Program,       // in PATH
  Module,        // known to pkg-config
  Header,        // a file in the compiler's directories, of libraries without a pkg-config file
  PythonModule,  // python3 can import it
};

struct BuildNeed {
  NeedKind kind;
  const char* name;
  PackageNames packages;

  bool operator==(const BuildNeed& other) const {
    return kind == other.kind && std::string_view(name) == other.name;
  }
};

// Whatever is built. `is_distribution`: the source is the distribution's own package.
// `needs_venv`: from QEMU 8.1 on configure makes a virtual environment of Python.
struct BuildNeedsOf {
  bool is_distribution = false;
  bool is_git = false;
  bool is_download = false;
  bool checks_signature = false;
  bool needs_venv = false;
};
std::vector<BuildNeed> basic_needs(const BuildNeedsOf& what);

// The names for one distribution, sorted, each once; for others Debian's.
std::vector<std::string> packages_for(const std::vector<BuildNeed>& needs,
                                      DistributionFamily family);

// The line to copy: "sudo apt-get install …"; for others the names alone.
Message install_remedy(const std::vector<std::string>& packages, DistributionFamily family);

}  // namespace cleave
