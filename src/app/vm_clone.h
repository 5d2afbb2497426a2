// Copies of a VM.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "host/host.h"

namespace cleave {

struct CloneRequest {
  std::string name;
  std::string new_name;
  // The new images have only what differs from the old ones, which must not change from then on.
  bool linked = false;
  std::function<void(const std::string& file, double percent)> progress{};
};

struct ClonedImage {
  std::string from;
  std::string to;
  std::string format;
};

struct CloneReport {
  std::string definition;
  std::vector<ClonedImage> images;
  std::vector<Message> notes;  // what is not the same in the copy, and what to mind
};

// Everything or nothing: each image is written under another name and gets its own when all are
// there; the definition comes last. Conflict: the VM runs, or something of the new name is there.
Result<CloneReport> clone_vm(HostWriter& host, const VmEnvironment& environment,
                             const CloneRequest& request);

}  // namespace cleave
