#include "analysis/rules/sr_iov_signs.h"

#include <algorithm>

#include "analysis/rules/checks.h"

namespace cleave {
namespace {

// AMD's GPUs that GIM serves: amdgv_sriov_device_table in libgv/core/amdgv_device.c of
// github.com/amd/MxGPU-Virtualization (18fb8f25), named in amdgv_marketing_name.c beside it.
// Instinct MI250X, MI250, MI210, MI300X, MI308X, MI325X, MI350X, MI355X; Radeon PRO V710.
constexpr std::uint16_t kGimDevices[] = {0x7408, 0x740C, 0x740F, 0x74A1, 0x74A2, 0x74A5, 0x74A8,
                                         0x74A9, 0x75A0, 0x75A1, 0x75A3, 0x7460, 0x73C8};

// sriov_totalvfs is at first the hardware's own number, whatever the driver can do with it
// (sriov_init, drivers/pci/iov.c): an i915 of the kernel shows 7 and makes none. These drivers set
// it to what they make.
bool total_is_the_drivers(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (drives(gpu, "gim")) return true;
  if (gpu.vendor_id != kIntelVendorId) return false;
  if (out_of_tree_driver(subject.facts)) return drives(gpu, "i915") || drives(gpu, "xe");
  // As a physical function's driver, from 6.17 on.
  const auto version = parse_kernel_version(subject.facts.kernel.release.value_or(""));
  return drives(gpu, "xe") && version && *version >= KernelVersion{6, 17};
}

}  // namespace

IntelSriov intel_kind(const PciDevice& gpu) {
  const IntelGpu* known = intel_gpu(gpu);
  return known == nullptr ? IntelSriov::None : known->sriov;
}

std::string platform_name(const PciDevice& gpu) {
  const IntelGpu* known = intel_gpu(gpu);
  return known == nullptr ? "?" : known->platform;
}

bool drives(const PciDevice& gpu, std::string_view driver) {
  return gpu.driver.value_or("") == driver;
}

// Which module of DKMS makes functions of Intel GPUs, if it is built for the running kernel.
std::optional<Evidence> out_of_tree_driver(const Facts& facts) {
  const auto* modules = facts.platform.dkms.value();
  const std::string* release = facts.kernel.release.value();
  if (modules == nullptr || release == nullptr) return std::nullopt;
  for (const DkmsModule& module : *modules) {
    if (module.name != "i915-sriov-dkms") continue;
    if (std::ranges::find(module.kernels, *release) == module.kernels.end()) continue;
    return Evidence{facts.platform.dkms.source(),
                    format("{} {} for {}", module.name, module.version, *release)};
  }
  return std::nullopt;
}

bool served_by_gim(const PciDevice& gpu) {
  return gpu.vendor_id == kAmdVendorId &&
         std::ranges::find(kGimDevices, gpu.device_id) != std::end(kGimDevices);
}

// What NVIDIA's vGPU software shows of itself on this GPU: types of mediated devices, on the GPU
// (up to Turing) or on its virtual functions, or the attributes of vendor-specific VFIO on these.
// Without that software there can be virtual functions, too, and nobody can use them.
std::optional<Evidence> nvidia_offers(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kNvidiaVendorId) return std::nullopt;
  const auto is_part = [&gpu](const PciDevice& device) {
    return device.address == gpu.address || device.physical_function == gpu.address;
  };
  for (const PciDevice& device : subject.facts.pci_devices.value_or({})) {
    if (!is_part(device)) continue;
    if (const std::uint32_t* now = device.nvidia_vgpu_type.value()) {
      return Evidence{device.nvidia_vgpu_type.source(), std::to_string(*now)};
    }
    const Subject part{subject.facts, &device, subject.log};
    const MdevParent* parent = parent_of(part);
    if (parent == nullptr || parent->types.empty()) continue;
    return Evidence{parent->sysfs_path + "/mdev_supported_types", parent->types.front().id};
  }
  return std::nullopt;
}

// Set if the driver says that it can make virtual functions, or has made some.
std::optional<Evidence> functions_offered(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id == kNvidiaVendorId) return nvidia_offers(subject);
  for (const Fact<std::uint32_t>* count : {&gpu.sriov_num_vfs, &gpu.sriov_total_vfs}) {
    const std::uint32_t* number = count->value();
    if (number == nullptr || *number == 0) continue;
    if (count == &gpu.sriov_total_vfs && !total_is_the_drivers(subject)) continue;
    return Evidence{count->source(), std::to_string(*number)};
  }
  return std::nullopt;
}

Capability capability_of(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  const PciConfig* config = gpu.config.value();
  if (const std::uint32_t* total = gpu.sriov_total_vfs.value(); total != nullptr && *total > 0) {
    return {true, {gpu.sriov_total_vfs.source(), std::to_string(*total)}};
  }
  if (config != nullptr && config->extended_seen) {
    if (!config->sriov || config->sriov->total_vfs == 0) {
      return {false, {gpu.config.source(), "no SR-IOV capability"}};
    }
    return {true,
            {gpu.config.source(), format("SR-IOV, at most {} VFs", config->sriov->total_vfs)}};
  }
  const KernelConfig* built = subject.facts.kernel.config.value();
  const auto found = built != nullptr ? built->find("PCI_IOV") : KernelConfig::const_iterator();
  const bool would_show = built != nullptr && found != built->end() && found->second == "y";
  if (would_show && gpu.sriov_total_vfs.is_absent() && !missing(gpu.sriov_total_vfs)) {
    return {false, {gpu.sriov_total_vfs.source(), "absent"}};
  }
  return {std::nullopt,
          missing(gpu.config)
              .value_or(Evidence{gpu.config.source(), "the extended part is for root only"})};
}

// As pci.ids names NVIDIA's chips: "TU104GL [Tesla T4]" for servers and workstations, "TU116
// [GeForce GTX 1660 SUPER]" for everybody else.
bool is_professional_nvidia(const PciDevice& gpu) {
  return gpu.vendor_id == kNvidiaVendorId && gpu.device_name &&
         gpu.device_name->find("GL [") != std::string::npos;
}

}  // namespace cleave
