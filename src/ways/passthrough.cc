// Whole passthrough: one VM has the GPU, the host does without.
#include "ways/ways.h"

namespace cleave {
namespace {

class PassthroughWay final : public Way {
 public:
  [[nodiscard]] const char* id() const override { return "passthrough"; }
  [[nodiscard]] bool applies_to(const PciDevice& gpu) const override { return gpu.is_gpu(); }

  [[nodiscard]] std::vector<std::string> needs() const override {
    return {"cpu.virtualisation",
            "kvm.node",
            "kvm.accessible",
            "iommu.firmware_table",
            "passthrough.kernel_quirk",
            "passthrough.iommu_group",
            "passthrough.group_members",
            "passthrough.module_vfio_pci",
            "passthrough.disable_vga"};
  }

  [[nodiscard]] std::vector<Message> price(const PciDevice& gpu) const override {
    std::vector<Message> price = {
        {N_("While the VM runs, the host has nothing of this GPU: no screen on its outputs, no "
            "acceleration.")}};
    if (gpu.vendor_id == 0x8086 && gpu.address == PciAddress{0, 0, 2, 0}) {
      price.push_back(
          {N_("An integrated GPU needs its OpRegion and, with UEFI firmware in the VM, "
              "a ROM for a picture at boot; up to Comet Lake the legacy mode on "
              "machine “pc” does without.")});
    }
    return price;
  }
};

}  // namespace

const Way& passthrough_way() {
  static const PassthroughWay way;
  return way;
}

}  // namespace cleave
