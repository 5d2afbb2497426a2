// Writes what belongs to one person alone: a file of mode 0600, a directory of mode 0700, there
// as a whole or not at all. Ctrl-C waits until it is one or the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cleave {

struct FileOwner {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
};

struct PrivateTarget {
  std::string path;
  bool overwrite = false;               // else Conflict if something is there
  std::optional<FileOwner> owner = {};  // under sudo: who called it
};

// What was there before is replaced by a rename. Errors carry the path and errno.
Result<void> write_private_file(const PrivateTarget& target, std::string_view content);

// `files`: relative names, plain, with slashes. Only a directory that holds a file `mark`, or
// nothing, is ever overwritten: Conflict for any other.
Result<void> write_private_directory(const PrivateTarget& target, const std::string& mark,
                                     const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace cleave
