// The laptop's kernel modules: the kernel's own, with cleave's and the samples before them, and in
// which order they load.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/kernel_supply.h"

namespace cleave {

struct LaptopModule {
  std::string path;                       // relative to the tree: "kernel/fs/9p/9p.ko"
  std::vector<std::string> dependencies;  // paths, as modules.dep has them
};

// By the name that the kernel uses: dashes of the file name are underscores.
using ModuleTable = std::map<std::string, LaptopModule, std::less<>>;

std::string module_name(std::string_view path);

// modules.dep(5). Malformed if a line has no colon or there are more than 100,000 of them.
Result<ModuleTable> parse_module_dependencies(std::string_view text);

// Paths of the modules and all they depend on, each once, dependencies first. NotFound names the
// module that is missing; Malformed a circle.
Result<std::vector<std::string>> load_order(const ModuleTable& table,
                                            const std::vector<std::string>& names);

struct ModuleTree {
  std::string directory;  // …/lib/modules/VERSION with "kernel" linked and ours in "updates"
  ModuleTable table;
  std::vector<std::string> built_in;  // names
};

// Builds lab/kernel and the samples unless the cache has them already. The caller holds the lock.
Result<ModuleTree> supply_modules(const LabKernel& kernel, const LaptopOptions& options,
                                  const LaptopProgress& progress);

}  // namespace cleave
