// The least versions of what virtio-gpu's modes need on the host, for rules and for the way.
// docs/system/devices/virtio/virtio-gpu.rst of QEMU has them.
#pragma once

#include "analysis/rules/checks.h"
#include "facts/qemu.h"

namespace cleave::virtio_gpu_needs {

inline constexpr Version kForVirgl = {.major = 0, .minor = 8, .micro = 2};
inline constexpr Version kForVenus = {.major = 1, .minor = 0, .micro = 0};
// The document says 1.1; QEMU 11 refuses what is older than 1.2, whose asynchronous fences are
// broken (virtio_gpu_virgl_init in hw/display/virtio-gpu-virgl.c).
inline constexpr Version kForAmdContext = {.major = 1, .minor = 2, .micro = 0};
inline constexpr Version kForIntelContext = {.major = 1, .minor = 3, .micro = 0};
// Blobs, venus and native contexts need KVM to map memory of the GPU's driver.
inline constexpr KernelVersion kKernelForBlobs = {.major = 6, .minor = 13};

}  // namespace cleave::virtio_gpu_needs
