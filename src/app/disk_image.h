// A VM's disk images: made, copied and looked at with qemu-img, as the VM's user.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/vm_place.h"
#include "base/result.h"
#include "host/host.h"
#include "install/partition_table.h"

namespace cleave {

// "qcow2" or "raw", by the ending as definitions have it; empty: the ending does not tell.
std::string image_format(std::string_view file);
// "64G" → bytes; empty for what is no such size, or is beyond 1 MiB to 64 TiB.
std::optional<std::uint64_t> image_size(std::string_view text);

// The first kPartitionTableBytes that a guest sees on the disk. NotFound: there is no such file.
Result<std::string> first_sectors(const HostReader& host, const VmEnvironment& environment,
                                  const std::string& file, const std::string& format);
// What can be told of how the system on it starts; Unknown where it cannot be read.
DiskStart look_at_disk(const HostReader& host, const VmEnvironment& environment,
                       const std::string& file, const std::string& format);

struct NewImage {
  std::string file;
  std::string format;
  std::uint64_t bytes = 0;
};
// Conflict if the file is there. Missing directories are made, 0700.
Result<void> create_image(HostWriter& host, const VmEnvironment& environment,
                          const NewImage& image);

// A copy of `source` that is at least as large as `image.bytes`; replaces what is there. Its
// format is told by its first bytes. Unsupported: it leads to further files of the host.
Result<void> copy_image(HostWriter& host, const VmEnvironment& environment,
                        const std::string& source, const NewImage& image);

}  // namespace cleave
