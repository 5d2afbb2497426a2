// Changes a definition's text line by line, so that a person's own comments and order stay. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vm/definition.h"

namespace cleave {

// Another image for a disk.
struct MovedImage {
  std::size_t disk = 0;        // its number in the definition
  std::string file;            // an absolute path
  bool becomes_qcow2 = false;  // whatever its format was before
};

struct CopiedDefinition {
  std::string text;
  std::vector<std::string> removed;  // lines that would make both VMs the same: `mac = "…"`
};

// The text for a copy of the VM: its name and its images are new; UUID, addresses of network cards
// and the store of the firmware's variables follow from the name again. Unsupported: such a key
// does not stand on a line of its own.
Result<CopiedDefinition> copy_definition(std::string_view text, const VmDefinition& definition,
                                         const std::string& new_name,
                                         const std::vector<MovedImage>& images);

}  // namespace cleave
