// A bundle's files as one archive: tar, compressed with zstd.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/capture_bundle.h"
#include "base/result.h"

namespace cleave {

// True if the bytes start as zstd's do; nothing else is opened as an archive.
bool is_archive(std::string_view bytes);

// Io if the library cannot.
Result<std::string> pack_archive(const std::vector<BundleFile>& files);

// Nothing is written to disk. Malformed, with the name of the entry, for whatever is no plain file
// with a plain relative name, is there twice, is larger than the limits of a capture, or cannot be
// read to its end. Directories are passed over.
Result<std::vector<BundleFile>> unpack_archive(std::string_view bytes);

}  // namespace cleave
