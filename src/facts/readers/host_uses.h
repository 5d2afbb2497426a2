// What the readers of facts/host_use.h share.
#pragma once

#include "facts/host_use.h"
#include "facts/readers/readers.h"

namespace cleave {

Fact<std::vector<DiskUse>> read_host_disks(const HostReader& host);  // host_disks.cc

}  // namespace cleave
