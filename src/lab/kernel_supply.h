// Where the laptop's kernel comes from: a Debian kernel with its headers, installed or fetched with
// apt into the cache, without being installed.
#pragma once

#include <string>

#include "base/result.h"
#include "lab/laptop.h"

namespace cleave {

struct LabKernel {
  std::string version;            // "6.1.0-56-amd64"
  std::string image;              // the bzImage
  std::string config;             // its configuration; may be missing
  std::string modules_directory;  // …/lib/modules/VERSION
  std::string headers_root;       // …/usr/src: holds linux-headers-VERSION and -common
  std::string samples_directory;  // samples/vfio-mdev of the same source; empty if not asked for
  // Changes with the package: a kernel of the same version may be rebuilt.
  std::string identity;
};

// Names the programs of the machine that are missing, with the Debian packages that have them.
Result<void> check_lab_tools();

// The caller holds the cache's lock.
Result<LabKernel> supply_kernel(const LaptopOptions& options, const LaptopProgress& progress);

// "linux-image-6.1.0-56-amd64" from the output of `apt-cache depends linux-image-amd64`; empty if
// no dependency starts with `prefix` (and then a digit).
std::string dependency_with_prefix(std::string_view apt_cache_output, std::string_view prefix);
// "6.1" of "6.1.0-56-amd64".
std::string kernel_series(std::string_view version);

}  // namespace cleave
