// Whole passthrough: one VM has the GPU, the host does without.
#include "analysis/intel_gpu.h"
#include "ways/ways.h"

namespace cleave {
namespace {

// Integrated graphics of Intel are always there (drivers/gpu/drm/i915; hw/vfio/igd.c of QEMU). QEMU
// treats them in its own way: OpRegion, stolen memory, the bridge's ids.
bool is_igd(const PciDevice& gpu) {
  return gpu.vendor_id == kIntelVendorId && gpu.address == PciAddress{0, 0, 2, 0};
}

// AMD's accelerators, which have no outputs and no driver for Windows (base class 12h).
bool is_accelerator(const PciDevice& gpu) { return gpu.class_code >> 16U != 0x03; }

bool is_other(const PciDevice& gpu) { return !is_igd(gpu) && !is_accelerator(gpu); }

constexpr const char* kUefiNeeds[] = {"cpu.virtualisation",
                                      "kvm.node",
                                      "kvm.accessible",
                                      "iommu.firmware_table",
                                      "passthrough.kernel_quirk",
                                      "passthrough.iommu_group",
                                      "passthrough.group_members",
                                      "passthrough.module_vfio_pci",
                                      "passthrough.disable_vga"};
// The legacy mode boots with the GPU's own VGA BIOS, so the firmware must have set the GPU up.
constexpr const char* kLegacyNeeds[] = {"cpu.virtualisation",
                                        "kvm.node",
                                        "kvm.accessible",
                                        "passthrough.igd_generation",
                                        "iommu.firmware_table",
                                        "passthrough.kernel_quirk",
                                        "passthrough.iommu_group",
                                        "passthrough.group_members",
                                        "passthrough.module_vfio_pci",
                                        "passthrough.disable_vga",
                                        "passthrough.primary_display"};
constexpr const char* kDiscreteNeeds[] = {"cpu.virtualisation",
                                          "kvm.node",
                                          "kvm.accessible",
                                          "iommu.firmware_table",
                                          "passthrough.kernel_quirk",
                                          "passthrough.iommu_group",
                                          "passthrough.group_members",
                                          "passthrough.module_vfio_pci"};

constexpr const char* kHost =
    N_("While the VM runs, the host has nothing of this GPU: no screen on its outputs, no "
       "acceleration.");

// QEMU's docs/igd-assign.txt. UEFI comes first: it works with every generation and with q35.
constexpr Mode kModes[] = {
    {.id = "igd-uefi",
     .applies = is_igd,
     .needs = kUefiNeeds,
     .about = N_("integrated GPU, UEFI firmware (OVMF) in the VM"),
     .on_host = kHost,
     .in_guest =
         N_("The guest has the whole GPU with Intel's own driver, on Linux and Windows; its "
            "picture is on the machine's own outputs."),
     .fragile =
         N_("The guest's firmware shows nothing at boot without a ROM (GOP) for this "
            "generation; Windows needs the OpRegion (on by default from QEMU 10.1 on, before "
            "that x-igd-opregion=on).")},
    {.id = "igd-legacy",
     .applies = is_igd,
     .needs = kLegacyNeeds,
     .about = N_("integrated GPU, BIOS (SeaBIOS) in the VM"),
     .on_host = kHost,
     .in_guest =
         N_("The guest has the whole GPU with Intel's own driver and a picture from the first "
            "moment on, without a further ROM."),
     .fragile = N_("Only on machine “pc” (i440fx), at address 00:02.0, with SeaBIOS; guests that "
                   "want UEFI (Windows 11) cannot use it.")},
    {.id = "discrete",
     .applies = is_other,
     .needs = kDiscreteNeeds,
     .about = N_("graphics card"),
     .on_host = kHost,
     .in_guest =
         N_("The guest has the whole GPU at full speed with its maker's own driver, on Linux "
            "and Windows; its picture is on the GPU's outputs."),
     .fragile = N_("All functions of the card go along (its sound, too). Some cards, of AMD above "
                   "all, do not start a second time before the host was restarted.")},
    {.id = "accelerator",
     .applies = is_accelerator,
     .needs = kDiscreteNeeds,
     .about = N_("accelerator without outputs"),
     .on_host = N_("While the VM runs, the host cannot compute on it; there is no screen to lose."),
     .in_guest = N_("A Linux guest has the whole accelerator at full speed with AMD's driver; for "
                    "Windows there is none."),
     .fragile = N_("Where several accelerators are linked, a VM may need all of them."),
     .windows = false},
};

class PassthroughWay final : public Way {
 public:
  [[nodiscard]] const char* id() const override { return "passthrough"; }
  [[nodiscard]] bool applies_to(const PciDevice& gpu) const override { return gpu.is_gpu(); }
  [[nodiscard]] std::span<const Mode> modes() const override { return kModes; }
};

}  // namespace

const Way& passthrough_way() {
  static const PassthroughWay way;
  return way;
}

}  // namespace cleave
