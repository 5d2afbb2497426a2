// SR-IOV: the GPU makes virtual functions, PCI devices of their own.
#include <string_view>

#include "analysis/intel_gpu.h"
#include "ways/ways.h"

namespace cleave {
namespace {

constexpr std::uint16_t kNvidiaVendorId = 0x10DE;
constexpr std::uint16_t kAmdVendorId = 0x1002;

// Of Meteor and Arrow Lake only the module out of tree makes functions.
bool may_use_xe(const PciDevice& gpu) {
  if (gpu.vendor_id != kIntelVendorId) return false;
  const IntelGpu* known = find_intel_gpu(gpu.device_id);
  return known == nullptr || known->sriov != IntelSriov::OutOfTreeOnly;
}

bool may_use_dkms(const PciDevice& gpu) {
  return gpu.vendor_id == kIntelVendorId && served_by_i915_sriov_dkms(gpu.device_id);
}

bool is_nvidia(const PciDevice& gpu) { return gpu.vendor_id == kNvidiaVendorId; }
bool is_amd(const PciDevice& gpu) { return gpu.vendor_id == kAmdVendorId; }
bool is_other(const PciDevice& gpu) {
  return gpu.vendor_id != kIntelVendorId && !is_nvidia(gpu) && !is_amd(gpu);
}

constexpr const char* kXeNeeds[] = {"sr_iov.hardware",
                                    "cpu.virtualisation",
                                    "kvm.node",
                                    "kvm.accessible",
                                    "iommu.firmware_table",
                                    "passthrough.iommu_group",
                                    "passthrough.kernel_quirk",
                                    "sr_iov.kernel",
                                    "sr_iov.in_tree_driver",
                                    "sr_iov.driver",
                                    "sr_iov.force_probe",
                                    "sr_iov.firmware_file",
                                    "sr_iov.max_vfs",
                                    "passthrough.module_vfio_pci",
                                    "sr_iov.total_vfs"};
constexpr const char* kDkmsNeeds[] = {"sr_iov.hardware",
                                      "cpu.virtualisation",
                                      "kvm.node",
                                      "kvm.accessible",
                                      "iommu.firmware_table",
                                      "passthrough.iommu_group",
                                      "passthrough.kernel_quirk",
                                      "sr_iov.dkms_module",
                                      "host.signed_modules",
                                      "sr_iov.firmware_file",
                                      "sr_iov.max_vfs",
                                      "sr_iov.guc_submission",
                                      "passthrough.module_vfio_pci",
                                      "sr_iov.total_vfs"};
constexpr const char* kNvidiaNeeds[] = {
    "sr_iov.hardware",    "sr_iov.nvidia_card",   "cpu.virtualisation",      "kvm.node",
    "kvm.accessible",     "iommu.firmware_table", "passthrough.iommu_group", "sr_iov.driver",
    "sr_iov.nvidia_vgpu", "host.signed_modules",  "sr_iov.nvidia_functions"};
constexpr const char* kGimNeeds[] = {"sr_iov.amd_card",         "sr_iov.hardware",
                                     "cpu.virtualisation",      "kvm.node",
                                     "kvm.accessible",          "iommu.firmware_table",
                                     "passthrough.iommu_group", "host.signed_modules",
                                     "sr_iov.driver",           "passthrough.module_vfio_pci",
                                     "sr_iov.total_vfs"};
constexpr const char* kOtherNeeds[] = {"sr_iov.hardware",
                                       "cpu.virtualisation",
                                       "kvm.node",
                                       "kvm.accessible",
                                       "iommu.firmware_table",
                                       "passthrough.iommu_group",
                                       "passthrough.module_vfio_pci",
                                       "sr_iov.total_vfs"};

constexpr const char* kHost =
    N_("The host keeps the GPU and its screen; virtual functions have no outputs, so the "
       "guest's picture comes over the network (RDP, SPICE) or Looking Glass.");
constexpr const char* kIntelWindows =
    N_("In Windows, Hyper-V, WSL and memory integrity break Intel's driver (code 43), and many "
       "guests want a ROM (GOP) for the function.");

// The kernel's own driver comes first: it needs no module that has to follow each kernel.
constexpr Mode kModes[] = {
    {.id = "xe",
     .applies = may_use_xe,
     .needs = kXeNeeds,
     .about = N_("the kernel's own driver xe"),
     .on_host = kHost,
     .in_guest = N_("Linux guests draw with their kernel's xe, Windows guests with Intel's driver; "
                    "they share the GPU's speed evenly with the host."),
     .fragile = kIntelWindows},
    {.id = "i915-sriov-dkms",
     .applies = may_use_dkms,
     .needs = kDkmsNeeds,
     .about = N_("the module i915-sriov-dkms, from outside the kernel"),
     .on_host = kHost,
     .in_guest =
         N_("Linux guests need the same module in a version for their kernel; Windows guests "
            "take Intel's driver, and many want a ROM (GOP) for the function."),
     .fragile = N_("The module has to be built anew for each kernel, and a newer kernel can be too "
                   "new for it. In Windows, Hyper-V, WSL and memory integrity break Intel's driver "
                   "(code 43).")},
    {.id = "nvidia",
     .applies = is_nvidia,
     .needs = kNvidiaNeeds,
     .about = N_("NVIDIA's vGPU software"),
     .on_host = N_("The card is for VMs alone: NVIDIA's vGPU Manager neither draws nor computes on "
                   "the host. The guests' pictures come over the network."),
     .in_guest =
         N_("Guests need NVIDIA's vGPU driver and a licence; without one they slow down after "
            "a while."),
     .fragile = N_("Host and guest drivers have to fit each other and the kernel: NVIDIA names the "
                   "versions.")},
    {.id = "amd-gim",
     .applies = is_amd,
     .needs = kGimNeeds,
     .about = N_("AMD's module gim"),
     .on_host = N_("The host gives the whole GPU to its virtual functions: with gim it neither "
                   "computes nor draws on it."),
     .in_guest =
         N_("Linux guests compute with AMD's driver (ROCm); the accelerators have no screen "
            "at all, and AMD names no Windows guest."),
     .fragile = N_("gim stands outside the kernel and is built for each kernel anew; AMD names the "
                   "few host systems it was tested on."),
     .windows = false},
    {.id = "other-vendor",
     .applies = is_other,
     .needs = kOtherNeeds,
     .about = N_("a driver of the GPU's maker"),
     .on_host = kHost,
     .in_guest = N_("What guests can do with a function is up to the driver of the GPU's maker."),
     .fragile = N_("Nothing is known here about this maker's functions.")},
};

class SrIovWay final : public Way {
 public:
  [[nodiscard]] const char* id() const override { return "sr-iov"; }
  [[nodiscard]] bool applies_to(const PciDevice& gpu) const override { return gpu.is_gpu(); }
  [[nodiscard]] std::span<const Mode> modes() const override { return kModes; }
};

}  // namespace

const Way& sr_iov_way() {
  static const SrIovWay way;
  return way;
}

}  // namespace cleave
