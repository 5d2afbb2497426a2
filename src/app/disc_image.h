// Small discs with files for a guest's installation (ISO 9660 with Joliet and Rock Ridge), and
// files out of discs that others made.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cleave {

struct DiscFile {
  std::string name;     // on the disc, relative, with slashes
  std::string content;  // of a file that is made here
  std::string source;   // path of a file on the host; empty: `content` counts
};

// Written beside `path`, mode 0600, and then renamed. To be called as the VM's user.
Result<void> write_disc(const std::string& path, const std::string& label,
                        const std::vector<DiscFile>& files);

// `place` says under which name a file of the disc is wanted, if it is. At most `limit` bytes of
// content. Malformed for what is no disc.
using DiscChoice = std::function<std::optional<std::string>(std::string_view)>;
Result<std::vector<DiscFile>> files_of_disc(const std::string& path, const DiscChoice& place,
                                            std::size_t limit);

// All files below a directory, without following links, under `folder` on the disc.
Result<std::vector<DiscFile>> files_of_folder(const std::string& directory,
                                              const std::string& folder);

}  // namespace cleave
