// A machine built by hand on which all is good, and the cases that change it in one place: one
// file per family, joined and judged by rules_test.cc.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/rule.h"

namespace cleave::testing {

inline constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20U;

template <typename T>
Fact<T> known(T value, std::string source) {
  return {std::move(value), std::move(source)};
}

// The GPU inside the facts; a Fact shows its value read-only, these facts are the test's own.
inline PciDevice& gpu_of(Facts& facts) {
  return const_cast<PciDevice&>(facts.pci_devices.value()->front());
}

inline void set_aperture(PciDevice& gpu, std::uint64_t megabytes) {
  gpu.regions.assign(3, PciRegion{});
  gpu.regions[2] = {0x4000000000, 0x4000000000 + megabytes * kMegabyte - 1, 0x14220c};
}

inline MdevParent gvt_parent(std::uint32_t available) {
  MdevParent parent;
  parent.name = "0000:00:02.0";
  parent.sysfs_path = "/sys/devices/pci0000:00/0000:00:02.0";
  parent.pci = PciAddress{0, 0, 2, 0};
  MdevType type;
  type.id = "i915-GVTg_V5_4";
  type.description = known<std::string>(
      "low_gm_size: 128MB\nhigh_gm_size: 512MB\nfence: 4\nresolution: 1920x1200\nweight: 4\n",
      "description");
  type.available_instances = known(available, "available_instances");
  parent.types.push_back(std::move(type));
  return parent;
}

inline void set_parameter(Facts& facts, const char* module, const char* name,
                          Fact<std::string> value) {
  facts.kernel.modules[module].parameters[name] = std::move(value);
}

inline void register_parent(Facts& facts, std::uint32_t available = 1) {
  facts.mdev_parents = known(std::vector{gvt_parent(available)}, "/sys/class/mdev_bus");
}

inline DrmCard card_of(PciAddress address, std::vector<std::string> connected) {
  DrmCard card;
  card.name = "card0";
  card.pci = address;
  card.render_node = "renderD128";
  card.connected = std::move(connected);
  return card;
}

inline PlatformFacts ordinary_platform() {
  PlatformFacts platform;
  platform.distribution_id = known<std::string>("debian", "/etc/os-release");
  platform.container = known(false, "/run/systemd/container");
  platform.firmware.uefi = known(true, "/sys/firmware/efi");
  platform.firmware.secure_boot = known(false, "SecureBoot");
  platform.lockdown = known<std::string>("none", "/sys/kernel/security/lockdown");
  platform.kernels = known(std::vector<std::string>{"6.8.0-60-generic"}, "/lib/modules");
  platform.dkms = {Absent{}, "/var/lib/dkms"};
  platform.modprobe = known(ModprobeFacts{}, "/etc/modprobe.d");
  platform.vfio_nodes = {Absent{}, "/dev/vfio"};
  platform.render_nodes =
      known(std::vector{NodeAccess{"/dev/dri/renderD128", 0660, 0, 105, true}}, "/dev/dri");
  return platform;
}

// A Comet Lake laptop in which everything is in order but the parent is not registered yet, so
// that each rule has to look at its own source.
inline Facts laptop() {
  Facts facts;
  CpuFacts cpu;
  cpu.vmx = true;
  facts.cpu = known(cpu, "/proc/cpuinfo");
  facts.kvm.node = known(true, "/dev/kvm");
  facts.kvm.accessible = known(true, "/dev/kvm");
  facts.kernel.release = known<std::string>("6.8.0-60-generic", "/proc/sys/kernel/osrelease");
  facts.kernel.command_line = known(parse_kernel_command_line("quiet"), "/proc/cmdline");
  facts.kernel.config = known(KernelConfig{{"DRM_I915_GVT_KVMGT", "m"}}, "/boot/config");
  facts.kernel.module_list = known(true, "/proc/modules");
  facts.kernel.modules["i915"].loaded = true;
  facts.kernel.modules["kvmgt"].loaded = true;
  facts.kernel.modules["kvm"].loaded = true;
  set_parameter(facts, "i915", "enable_gvt", known<std::string>("Y", "/sys/…/enable_gvt"));
  set_parameter(facts, "i915", "enable_guc", known<std::string>("-1", "/sys/…/enable_guc"));
  set_parameter(facts, "kvm", "ignore_msrs", known<std::string>("Y", "/sys/…/ignore_msrs"));
  facts.iommu.units = known(std::vector<std::string>{"dmar0"}, "/sys/class/iommu");
  facts.iommu.dmar_table = known(true, "DMAR");
  facts.iommu.ivrs_table = {Absent{}, "IVRS"};
  facts.iommu.groups = known(12U, "/sys/kernel/iommu_groups");
  PciDevice gpu;
  gpu.address = {0, 0, 2, 0};
  gpu.sysfs_path = "/sys/bus/pci/devices/0000:00:02.0";
  gpu.vendor_id = 0x8086;
  gpu.device_id = 0x9B41;
  gpu.class_code = 0x030000;
  gpu.driver = known<std::string>("i915", "driver");
  gpu.iommu_group = known(1U, "iommu_group");
  set_aperture(gpu, 256);
  facts.pci_devices = known(std::vector{gpu}, "/sys/bus/pci/devices");
  facts.mdev_parents = {Absent{}, "/sys/class/mdev_bus"};
  facts.mediated_devices = {Absent{}, "/sys/bus/mdev/devices"};
  facts.memory_lock = known(MemoryLockLimit{}, "/proc/self/limits");
  facts.render_nodes = known(std::vector<std::string>{"renderD128"}, "/dev/dri");
  facts.drm_cards = known(std::vector{card_of({0, 0, 2, 0}, {})}, "/sys/class/drm");
  facts.platform = ordinary_platform();
  return facts;
}

struct Case {
  const char* rule;
  OutcomeKind expected;
  const char* what;
  std::function<void(Facts&)> change;
};

inline const Unreadable kClosed{"/closed", "Permission denied"};
inline constexpr OutcomeKind kPass = OutcomeKind::Pass;
inline constexpr OutcomeKind kFail = OutcomeKind::Fail;
inline constexpr OutcomeKind kUnknown = OutcomeKind::Unknown;
inline constexpr OutcomeKind kNone = OutcomeKind::NotApplicable;

inline void no_vmx(Facts& facts) { facts.cpu = known(CpuFacts{}, "/proc/cpuinfo"); }

inline void set_command_line(Facts& facts, const char* text) {
  facts.kernel.command_line = known(parse_kernel_command_line(text), "/proc/cmdline");
}

std::vector<Case> gvt_g_trap_cases();
std::vector<Case> sr_iov_cases();
std::vector<Case> passthrough_cases();
std::vector<Case> virtio_gpu_cases();
std::vector<Case> host_cases();
std::vector<Case> boot_cases();
std::vector<Case> surroundings_cases();
std::vector<Case> qemu_cases();
std::vector<Case> guest_cases();
std::vector<Case> mode_cases();

}  // namespace cleave::testing
