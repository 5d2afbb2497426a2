// The use cases of `cleave vm export` and `cleave vm import`.
#pragma once

#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "exports/export_format.h"
#include "host/host.h"
#include "imports/imported.h"
#include "vm/vm.h"

namespace cleave {

// What this machine would give the VM, as far as it can tell; changes nothing. `notes` says what it
// could not, and what stands in its place.
ExportHost describe_for_export(const HostReader& host, const VmEnvironment& environment,
                               const Vm& vm, std::vector<Message>& notes);

// Writes the files, 0644, and returns their paths. Conflict if one is there, unless `replace`; then
// none is written.
Result<std::vector<std::string>> write_exported(HostWriter& host,
                                                const std::vector<ExportedFile>& files,
                                                const std::string& directory, bool replace);

// Writes the definition into the user's directory and returns its path. Conflict if there is one of
// that name.
Result<std::string> write_imported_vm(HostWriter& host, const VmEnvironment& environment,
                                      const ImportedVm& imported);

}  // namespace cleave
