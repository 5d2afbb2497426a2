// The QEMU command line as data: ordered, named groups that can be printed, compared and explained.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/message.h"
#include "vm/definition.h"

namespace cleave {

// A VM that may be started: every default is filled in, every value is in range.
struct Vm {
  std::string name;
  std::string qemu;
  std::string machine;
  std::string accelerator;
  std::string cpu;
  std::uint32_t cpus = 0;
  std::uint64_t memory_bytes = 0;
  std::string memory_text;  // as QEMU takes it: "4G"
  std::string kernel;
  std::string display;
  std::string render_node;
  bool serial = false;
  struct Disk {
    std::string file;
    std::string format;
    std::string interface;
    std::string cache;
  };
  std::vector<Disk> disks;
  struct Gpu {
    std::string way;
    std::string parent;
    std::string type_id;
    std::string uuid;
    bool display = true;
    std::optional<bool> opregion;
  };
  std::optional<Gpu> gpu;
  std::vector<std::string> extra_arguments;
};

// Name of the user's VM → its vGPU's UUID: version 5 (RFC 9562, 5.5) of NAME under cleave's own
// namespace, so that a crash or a second start finds the same device.
std::string vgpu_uuid(std::string_view vm_name, std::uint32_t slot = 0);

// Fills in defaults and checks meaning. Relative disk paths are taken from `directory`.
struct CheckedDefinition {
  std::optional<Vm> vm;  // empty if there are problems
  std::vector<DefinitionProblem> problems;
};
CheckedDefinition check_definition(const VmDefinition& definition, std::string_view directory);

// What the host decided for this start. `gpu_device` comes from the way (ways/ guest_device).
struct StartResources {
  std::string runtime_directory;  // holds qmp.sock, serial.sock; 0700
  std::string gpu_device;         // value of -device; empty: none
};

struct ArgumentGroup {
  std::string name;  // "machine", "cpu", "memory", "graphics", "gpu", "disk", "qmp", "display", …
  std::vector<std::string> arguments;
  Message reason;  // why these are there

  bool operator==(const ArgumentGroup&) const = default;
};

struct CommandLine {
  std::string program;
  std::vector<ArgumentGroup> groups;

  [[nodiscard]] std::vector<std::string> argv() const;
};

CommandLine build_command_line(const Vm& vm, const StartResources& resources);

// One line that a POSIX shell reads back as the same argv: for people to copy, never to run.
std::string to_shell_text(const std::vector<std::string>& argv);

}  // namespace cleave
