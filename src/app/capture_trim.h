// What the readers must look through and nobody else needs to know: which packages are installed,
// what stands in /opt. A capture keeps of it what decides; a diagnosis from it is the same.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "host/memory_host.h"

namespace cleave {

class CaptureTrim {
 public:
  explicit CaptureTrim(const MemoryHost& machine);

  // Of a directory whose list is known: without this name in it.
  [[nodiscard]] bool drops(std::string_view path) const;
  // Replaces the content of files of which only a part is needed.
  static void shorten(std::string_view path, MemoryNode& node);

 private:
  std::set<std::string, std::less<>> kept_in_opt_;  // "/opt/qemu-11"
};

}  // namespace cleave
