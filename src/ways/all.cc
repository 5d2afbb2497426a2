#include <algorithm>

#include "ways/ways.h"

namespace cleave {

const std::vector<const Way*>& all_ways() {
  static const std::vector<const Way*> ways = {&gvt_g_way(), &sr_iov_way(), &virtio_gpu_way(),
                                               &passthrough_way(), &mdev_way()};
  return ways;
}

const Way* find_way(std::string_view id) {
  const auto& ways = all_ways();
  const auto found = std::ranges::find(ways, id, [](const Way* way) { return way->id(); });
  return found == ways.end() ? nullptr : *found;
}

}  // namespace cleave
