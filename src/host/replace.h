// Replaces a file as a whole: a new one is written beside it and takes its place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace cleave {

// All of `bytes`, whatever the kernel takes at a time. 0 or errno.
int write_all(int descriptor, std::string_view bytes);

// How the names of what a crash left beside `name` begin.
std::string temporary_prefix(std::string_view name);

struct Replacement {
  std::string name;
  std::string temporary;  // the new file's until it is complete
};

// In an open directory. The new file gets owner, group, mode and extended attributes of `like` if
// that is open, else `mode`. 0 or errno.
int replace_by_new(int directory, const Replacement& names, std::string_view content,
                   std::uint32_t mode, const OwnedFd& like);

}  // namespace cleave
