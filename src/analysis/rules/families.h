// The families of rules. A new family is one file here and one line in all.cc.
#pragma once

#include <span>

#include "analysis/rule.h"

namespace cleave {

std::span<const Rule> cpu_rules();
std::span<const Rule> kvm_rules();
std::span<const Rule> iommu_rules();
std::span<const Rule> limits_rules();
std::span<const Rule> display_rules();
std::span<const Rule> gpu_rules();
std::span<const Rule> gvt_g_rules();
std::span<const Rule> gvt_g_trap_rules();
std::span<const Rule> sr_iov_rules();
std::span<const Rule> passthrough_rules();
std::span<const Rule> virtio_gpu_rules();
std::span<const Rule> host_rules();
std::span<const Rule> boot_rules();
std::span<const Rule> qemu_rules();
std::span<const Rule> guest_rules();
std::span<const Rule> guest_system_rules();
std::span<const Rule> mdev_rules();
std::span<const Rule> log_rules();
std::span<const Rule> previous_boot_rules();
std::span<const Rule> session_rules();
std::span<const Rule> gpu_firmware_rules();

}  // namespace cleave
