// The text of a new definition, with a comment at every key: what `cleave vm new` writes.
#pragma once

#include <cstdint>
#include <string>

#include "vm/definition_keys.h"

namespace cleave {

// Empty texts leave a key out, so that its default is taken.
struct NewDefinition {
  std::string name;
  std::string guest;  // "windows11"
  std::uint32_t cpus = 4;
  std::string memory = "4G";
  std::string gpu_way;     // "gvt-g"; empty: no share of the GPU
  std::string gpu_parent;  // name of the mdev parent
  std::string gpu_type;    // "i915-GVTg_V5_4"
  std::string kernel;
  std::string firmware;  // "uefi"
  std::string disk_file;
  bool new_disk = false;  // nothing is on it yet, so that the guest's drivers can be chosen
  std::string accelerator;
  std::string cpu;
  std::string display = "gtk";
  std::string render_node;
  bool serial = false;
  bool sound = false;
};

// TOML that read_definition() accepts if the values are good; its comments go through `translate`.
std::string new_definition_text(const NewDefinition& wanted, const Translator& translate);

}  // namespace cleave
