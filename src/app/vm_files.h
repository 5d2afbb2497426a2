// The files that a VM has beside its definition and its disks: the firmware's variables, and what
// of the host stands in its command line.
#pragma once

#include <string>

#include "app/vm_place.h"
#include "base/result.h"
#include "host/host.h"
#include "vm/command_line.h"
#include "vm/vm.h"

namespace cleave {

// Where a VM's own files are kept: $XDG_DATA_HOME/cleave/vms/NAME or ~/.local/share/…; for root
// /var/lib/cleave/vms/NAME.
std::string data_directory(const VmEnvironment& environment, const std::string& vm_name);

// Makes that directory, 0700 and the owner's, if it is not there.
Result<void> make_data_directory(HostWriter& host, const VmEnvironment& environment,
                                 const std::string& vm_name);

// What UEFI firmware a VM has here.
struct FirmwareChoice {
  StartResources::Firmware files;  // empty code: SeaBIOS
  std::string nvram_template;      // of which `files.nvram` becomes a copy; empty: it is there
};
// NotFound: no such firmware is installed (which package has it), or the definition names code of
// which no template is known and no variables are there.
Result<FirmwareChoice> choose_firmware(const HostReader& host, const VmEnvironment& environment,
                                       const Vm& vm);

// Copies the template where it is needed, as the owner.
Result<void> make_nvram(HostWriter& host, const VmEnvironment& environment, const Vm& vm,
                        const FirmwareChoice& choice);

// Where the VM's sound goes: what QEMU knows and runs in the owner's session; "none" if nothing.
std::string choose_audio_backend(const HostReader& host, const VmEnvironment& environment,
                                 const Vm& vm);

}  // namespace cleave
