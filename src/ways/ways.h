// One function per way, for all.cc.
#pragma once

#include "ways/way.h"

namespace cleave {

const Way& gvt_g_way();
const Way& sr_iov_way();
const Way& passthrough_way();
const Way& virtio_gpu_way();
const Way& mdev_way();

}  // namespace cleave
