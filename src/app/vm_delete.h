// The end of a VM: its definition, its own files, and its images if that is wanted.
#pragma once

#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/fd.h"
#include "base/result.h"
#include "host/host.h"

namespace cleave {

struct KeptImage {
  std::string file;
  Message why;
};

struct PreparedDelete {
  std::string name;
  std::string definition;
  std::vector<std::string> files;   // of its own: variables, TPM, what a run has left
  std::vector<std::string> images;  // that go, too
  std::vector<KeptImage> kept;      // that stay
  OwnedFd stopped;                  // it cannot be started while this is kept
};

// Conflict: the VM runs. An image goes only with `images` and if it belongs to the VM's user, lies
// below their home, and no other VM's definition has it or an image that builds on it. What cannot
// be told keeps it.
Result<PreparedDelete> prepare_delete(const HostReader& host, const VmEnvironment& environment,
                                      const std::string& name, bool images);

// The definition last: what fails can be tried again.
Result<void> delete_vm(HostWriter& host, const VmEnvironment& environment,
                       const PreparedDelete& prepared);

}  // namespace cleave
