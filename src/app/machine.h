// Opens a captured machine, whatever its form: a bundle of `cleave capture` (file or directory), a
// *.machine file, or a directory with a captured tree.
#pragma once

#include <memory>
#include <string>

#include "app/capture_bundle.h"
#include "base/result.h"
#include "host/host.h"

namespace cleave {

// NotFound, Denied or Io if `name` cannot be read; Malformed, with the place, if it is none of
// these or not sound. Relative names start at the current directory.
Result<std::unique_ptr<HostReader>> open_machine(const std::string& name);

// A bundle's bytes. Malformed as unpack_archive and read_capture, and if the archive holds what
// the manifest does not know.
Result<Capture> open_bundle(std::string_view bytes);

}  // namespace cleave
