// A VM's definition: TOML as a person wrote it, then checked. Parsing is syntax and known keys;
// checking is meaning. Both are pure: whether a file exists is asked elsewhere (app/vm).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cleave {

// Where something stands in the file; both start at 1, 0 means the default was taken.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

template <typename T>
struct Written {
  T value{};
  Position position;
};

struct DiskDefinition {
  Written<std::string> file;
  Written<std::string> format;     // qcow2, raw; empty: by the file's ending
  Written<std::string> interface;  // virtio, sata; default virtio
  Written<std::string> cache;      // none, writeback, …; default none
};

struct GpuDefinition {
  Written<std::string> way;     // "gvt-g"; "none" for a VM without a GPU; "mdev" for any other mdev
  Written<std::string> parent;  // name of the mdev parent; empty: the only one there is
  Written<std::string> type;    // mdev type id; empty: the best that fits
  Written<std::string> uuid;    // empty: derived from the VM's name
  Written<bool> display;        // default true
  Written<std::optional<bool>> opregion;  // default: on for Intel GPUs
};

struct VmDefinition {
  std::string file;  // for messages
  Written<std::string> name;
  Written<std::string> machine;      // q35, pc
  Written<std::string> accelerator;  // "kvm", "tcg"; default kvm
  Written<std::string> cpu;          // "host", …
  Written<std::int64_t> cpus;
  Written<std::string> memory;       // "4G", "512M"
  Written<std::string> kernel;       // an ELF or bzImage started without firmware's boot order
  Written<std::string> qemu;         // binary; default qemu-system-x86_64
  Written<std::string> display;      // "gtk", "egl-headless", "none", "sdl"
  Written<std::string> render_node;  // for egl-headless
  Written<bool> serial;  // a serial port whose other end is a socket of the VM's directory
  std::vector<DiskDefinition> disks;
  GpuDefinition gpu;
  Written<std::vector<std::string>> extra_arguments;  // raw, last
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
  std::vector<DefinitionProblem> problems;  // empty: it can be used
};

// Error only if the text is no TOML at all (Malformed with line and column); unknown keys, wrong
// types and values out of range are problems. At most 1 MiB.
Result<ParsedDefinition> parse_definition(std::string_view text, std::string file);

}  // namespace cleave
