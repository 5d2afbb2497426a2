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
#include "vm/toml.h"

namespace cleave {

template <typename T>
struct Written {
  T value{};
  Position position;

  [[nodiscard]] bool is_written() const { return position.line != 0; }
};

// What each key means, its choices and its default: vm/definition_keys.cc, one row for each.
struct TopologyDefinition {
  Written<std::int64_t> sockets;
  Written<std::int64_t> cores;            // of a socket
  Written<std::int64_t> threads;          // of a core
  Written<std::vector<std::string>> pin;  // for each of the guest's processors: "2", "4-5"
};

struct FirmwareDefinition {
  Position position;
  Written<std::string> type;
  Written<bool> secure_boot;
  Written<std::optional<bool>> tpm;
  Written<std::string> code;
  Written<std::string> nvram;
};

struct DiskDefinition {
  Position position;  // of [[disk]]
  Written<std::string> file;
  Written<std::string> format;
  Written<std::string> interface;
  Written<std::string> cache;
  Written<std::string> aio;
  Written<std::optional<bool>> discard;
  Written<bool> iothread;
  Written<bool> read_only;
  Written<std::string> serial;
  Written<std::int64_t> boot_index;
};

struct NetworkDefinition {
  Position position;  // of [[network]]
  Written<std::string> type;
  Written<std::string> bridge;
  Written<std::string> model;
  Written<std::string> mac;
  Written<std::vector<std::string>> forward;
};

struct GpuDefinition {
  Position position;  // of [gpu]; not written: a VM without a share of the GPU
  Written<std::string> way;
  Written<std::string> parent;
  Written<std::string> type;
  Written<std::string> device;
  Written<std::string> rom;
  Written<std::string> uuid;
  Written<std::string> mode;
  Written<std::string> resolution;
  Written<std::optional<bool>> display;
  Written<std::optional<bool>> opregion;
  Written<std::optional<bool>> ramfb;
  Written<bool> primary;
};

struct DeviceDefinition {
  Position position;  // of [[device]]
  Written<std::string> pci;
  Written<std::string> usb;
  Written<std::string> rom;
  Written<bool> optional;
};

struct DisplayDefinition {
  Written<std::string> type;
  Written<std::string> render_node;
  Written<bool> fullscreen;
  Written<std::string> looking_glass;
};

struct SoundDefinition {
  Position position;
  Written<std::string> model;
  Written<std::string> backend;
};

struct ShareDefinition {
  Position position;  // of [[share]]
  Written<std::string> path;
  Written<std::string> tag;
  Written<std::string> type;
  Written<bool> read_only;
};

struct VmDefinition {
  std::string file;  // for messages
  Written<std::string> name;
  Written<std::string> guest;
  Written<std::string> machine;
  Written<std::string> accelerator;
  Written<std::string> cpu;
  Written<std::int64_t> cpus;
  Written<std::string> memory;
  Written<bool> huge_pages;
  Written<std::optional<bool>> balloon;
  Written<std::string> kernel;
  Written<std::string> initrd;
  Written<std::string> kernel_arguments;
  Written<std::string> qemu;
  Written<std::string> clock;
  Written<std::optional<bool>> hyperv;
  Written<bool> serial;
  Written<std::optional<bool>> guest_agent;
  Written<bool> clipboard;
  Written<std::string> pointer;
  Written<std::string> on_suspend;
  Written<std::string> autostart;
  TopologyDefinition topology;
  FirmwareDefinition firmware;
  std::vector<DiskDefinition> disks;
  std::vector<NetworkDefinition> networks;
  GpuDefinition gpu;
  std::vector<DeviceDefinition> devices;
  DisplayDefinition display;
  SoundDefinition sound;
  std::vector<ShareDefinition> shares;
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
