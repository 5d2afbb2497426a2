// The use case of `cleave capture`: everything that a diagnosis of this machine asks, and what
// later rules may ask, without what is private.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/capture_bundle.h"
#include "app/privacy.h"
#include "base/result.h"
#include "facts/readers/read_facts.h"
#include "host/host.h"
#include "host/private_file.h"

namespace cleave {

// Without what is private, each value replaced alike everywhere. `replaced` says how many of each
// kind, in the kinds' order, those without any left out.
struct ScrubbedMachine {
  MemoryHost machine;
  std::vector<std::pair<std::string, std::size_t>> replaced;
};
ScrubbedMachine scrub_machine(const MemoryHost& original, const Identity& identity);

// The host's names and the user's who calls; what cannot be read is left out.
Identity identity_of(const HostReader& host);

// Looks through `host` and starts no process. `time` in seconds since 1970. Nothing in it fails:
// what could not be read is in the capture as unreadable.
Capture capture_machine(const HostReader& host, const std::string& cleave_version,
                        std::uint64_t time, const FactPlaces& places = {});

struct WrittenCapture {
  std::size_t files = 0;
  std::size_t bytes = 0;  // on disk: of the archive, or of all files
};

// A name that ends with "/" or is a directory gets a plain directory; any other name must end with
// ".tar.zst" (Malformed). Under sudo the file belongs to who called it. Conflict if something is
// there and `overwrite` is false.
Result<WrittenCapture> write_capture(const Capture& capture, const std::string& name,
                                     bool overwrite);

}  // namespace cleave
