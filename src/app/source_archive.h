// Unpacks an archive of source code into a directory. What is in it is not trusted.
#pragma once

#include <string>

#include "base/result.h"

namespace cleave {

// tar, as it is or compressed with xz, gzip or zstd; the one directory at its top is left out.
// Malformed, with the name of the entry, for one that leads out of the directory, writes through a
// link, is a device, or stands outside that top; for more entries or bytes than a QEMU has tenfold.
// `cancel` (or -1): Interrupted once readable. What was there is not removed.
Result<void> unpack_source(const std::string& archive, const std::string& directory, int cancel);

}  // namespace cleave
