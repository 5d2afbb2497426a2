#include "vm/runtime_files.h"

#include "base/format.h"

namespace cleave {

std::string share_socket(std::size_t number) { return format("share{}.sock", number); }

std::vector<std::string> all_runtime_files() {
  std::vector<std::string> names = {kQmpSocket,   kToolsSocket, kSerialSocket, kVncSocket,
                                    kSpiceSocket, kAgentSocket, kTpmSocket,    kLookingGlassFile};
  for (std::size_t i = 0; i < kMaximumShares; ++i) names.push_back(share_socket(i));
  return names;
}

}  // namespace cleave
