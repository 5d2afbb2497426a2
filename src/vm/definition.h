// A VM's definition: TOML as a person wrote it, then checked. Parsing is syntax and known keys;
// checking (vm/vm.h) is meaning. Both are pure: whether a file exists is asked elsewhere (app/vm).
// All keys: docs/reference/vm-definition.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cleave {

// Where something stands in the file; both start at 1, 0 means the key was not written.
// Columns count characters, not bytes.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  auto operator<=>(const Position&) const = default;
};

template <typename T>
struct Written {
  T value{};
  Position position;

  [[nodiscard]] bool is_written() const { return position.line != 0; }
};

struct DiskDefinition {
  Position position;               // of [[disk]]
  Written<std::string> file;       // required
  Written<std::string> format;     // qcow2, raw; default by the file's ending
  Written<std::string> interface;  // virtio, sata, cdrom; default virtio, cdrom for .iso
  Written<std::string> cache;      // none, writeback, …; default none
};

struct GpuDefinition {
  Position position;            // of [gpu]; not written: a VM without a share of the GPU
  Written<std::string> way;     // required: "gvt-g"; "none"; "mdev" for any other mediated device
  Written<std::string> parent;  // name of the mdev parent; default: the only one there is
  Written<std::string> type;    // mdev type id; default: the best that fits
  Written<std::string> device;  // address of the virtual function or the whole device
  Written<std::string> rom;     // a file in place of the device's own ROM
  Written<std::string> uuid;    // default: derived from the VM's name
  Written<std::string> mode;    // of virtio-gpu: "virgl"; default: the best that surely works
  Written<std::optional<bool>> display;   // the guest's screen is the vGPU's; default: by the way
  Written<std::optional<bool>> opregion;  // default: on for Intel GPUs
};

struct VmDefinition {
  std::string file;                  // for messages
  Written<std::string> name;         // default: the file's name without ".toml"
  Written<std::string> machine;      // q35, pc; default q35
  Written<std::string> accelerator;  // kvm, tcg; default kvm
  Written<std::string> cpu;          // default "host" with kvm, "max" with tcg
  Written<std::int64_t> cpus;        // default 2
  Written<std::string> memory;       // "4G", "512M"; default 2G
  Written<std::string> guest;        // linux, windows; default: not told
  Written<std::string> on_suspend;   // keep, pause, stop, refuse; default: what the GPU bears
  Written<std::string> kernel;       // an ELF or bzImage started in place of the disk's loader
  Written<std::string> qemu;         // binary; default qemu-system-x86_64
  Written<std::string> display;      // [display] type: gtk, sdl, egl-headless, none; default gtk
  Written<std::string> render_node;  // [display] render_node: for egl-headless
  Written<bool> serial;  // a serial port whose other end is a socket in the VM's directory
  std::vector<DiskDefinition> disks;
  GpuDefinition gpu;
  Written<std::vector<std::string>> extra_arguments;  // for QEMU, as they are, last
};

// One thing that is wrong with a definition, for `vm check` and editors.
struct DefinitionProblem {
  Position position;
  Message message;
  std::string key;         // "gpu.tpye"
  std::string suggestion;  // the nearest known key or value; may be empty
};

struct ParsedDefinition {
  VmDefinition definition;
  std::vector<DefinitionProblem> problems;  // in the order of the file; empty: it can be checked
};

// In the order of the file; problems of one place keep theirs.
void sort_by_position(std::vector<DefinitionProblem>& problems);

// Error only if the text is no TOML at all (Malformed with line and column) or larger than 1 MiB
// (Unsupported); unknown keys and wrong types are problems, of which at most 100 are told.
Result<ParsedDefinition> parse_definition(std::string_view text, std::string file);

}  // namespace cleave
