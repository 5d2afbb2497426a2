// The text of a new definition, with a comment at every key: what `cleave vm new` writes.
#pragma once

#include <cstdint>
#include <string>

namespace cleave {

// Empty texts leave a key out, so that its default is taken.
struct NewDefinition {
  std::string name;
  std::uint32_t cpus = 4;
  std::string memory = "4G";
  std::string gpu_way;     // "gvt-g"; empty: no share of the GPU
  std::string gpu_parent;  // name of the mdev parent
  std::string gpu_type;    // "i915-GVTg_V5_4"
  std::string kernel;
  std::string disk_file;
  std::string accelerator;
  std::string cpu;
  std::string display = "gtk";
  std::string render_node;
  bool serial = false;
};

// TOML that read_definition() accepts if the values are good.
std::string new_definition_text(const NewDefinition& wanted);

}  // namespace cleave
