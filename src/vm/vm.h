// A checked VM: what a definition means once every default is filled in and every value is in
// range. Pure: whether files and devices exist is asked elsewhere (app/vm).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vm/definition.h"

namespace cleave {

// A VM that may be started.
struct Vm {
  std::string name;  // also the name of its directory: letters, digits, ".", "_", "-"; at most 63
  std::string qemu;  // a name to be looked up in PATH, or a path
  std::string machine;
  std::string accelerator;
  std::string cpu;
  std::uint32_t cpus = 0;          // 1 to 255
  std::uint64_t memory_bytes = 0;  // 16 MiB to 16 TiB, whole MiB
  std::string memory_text;         // as QEMU takes it: "4G"
  std::string guest;               // "linux", "windows"; empty: not told
  std::string on_suspend;          // "keep", "pause", "stop", "refuse"; empty: what the GPU bears
  std::string kernel;              // empty: none
  std::string display;
  std::string render_node;  // empty: the start chooses, or QEMU
  bool serial = false;
  struct Disk {
    std::string file;  // a path that QEMU cannot take for a protocol ("nbd:…") or an option
    std::string format;
    std::string interface;
    std::string cache;  // empty: QEMU's default
  };
  std::vector<Disk> disks;
  struct Gpu {
    std::string way;
    std::string parent;   // empty: the only one there is
    std::string type_id;  // empty: the best that fits
    std::string device;   // address of a PCI device on the host; empty: chosen at the start
    std::string rom;      // a file; empty: the device's own
    std::string uuid;     // lower case
    bool display = true;  // the guest's screen is the vGPU's
    std::optional<bool> opregion;
    std::string mode;  // of virtio-gpu: "virgl"; empty: the best that surely works
  };
  std::optional<Gpu> gpu;
  std::vector<std::string> extra_arguments;
};

// A name that may be a VM's: [A-Za-z0-9][A-Za-z0-9._-]{0,62}.
bool is_vm_name(std::string_view name);

// Name of the user's VM → its vGPU's UUID: version 5 (RFC 9562, 5.5) of NAME under cleave's own
// namespace, so that a crash or a second start finds the same device. Slot 1 and up: "NAME/SLOT".
std::string vgpu_uuid(std::string_view vm_name, std::uint32_t slot = 0);

struct CheckedDefinition {
  std::optional<Vm> vm;  // empty if there are problems
  std::vector<DefinitionProblem> problems;
};

// Fills in defaults and checks meaning. Relative paths are taken from `directory`.
CheckedDefinition check_definition(const VmDefinition& definition, std::string_view directory);

// Both steps: the problems of parsing and of checking together, in the order of the file.
Result<CheckedDefinition> read_definition(std::string_view text, std::string file,
                                          std::string_view directory);

}  // namespace cleave
