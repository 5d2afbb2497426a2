// Where cleave's own files are: beside its binary in a build tree, else where packages put them.
#pragma once

#include <string>

#include "base/result.h"
#include "host/host.h"

namespace cleave {

// The demo guest's ELF file. NotFound, with where it was looked for.
Result<std::string> demo_guest_file();

// The file that units and hooks start as root: `program` where nobody but root can write to it or
// put another in its place, else a copy in STATE/program, which is made or renewed.
Result<std::string> program_for_root(HostWriter& host, const std::string& program,
                                     const std::string& state_directory);

}  // namespace cleave
