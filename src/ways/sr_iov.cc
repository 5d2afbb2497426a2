// SR-IOV: the GPU makes virtual functions, PCI devices of their own.
#include "ways/ways.h"

namespace cleave {
namespace {

class SrIovWay final : public Way {
 public:
  [[nodiscard]] const char* id() const override { return "sr-iov"; }
  [[nodiscard]] bool applies_to(const PciDevice& gpu) const override { return gpu.is_gpu(); }

  [[nodiscard]] std::vector<std::string> needs() const override {
    return {"sr_iov.hardware",
            "cpu.virtualisation",
            "kvm.node",
            "kvm.accessible",
            "iommu.firmware_table",
            "passthrough.iommu_group",
            "passthrough.kernel_quirk",
            "sr_iov.kernel",
            "host.signed_modules",
            "sr_iov.driver",
            "sr_iov.force_probe",
            "sr_iov.firmware_file",
            "sr_iov.max_vfs",
            "sr_iov.guc_submission",
            "passthrough.module_vfio_pci",
            "sr_iov.total_vfs"};
  }

  [[nodiscard]] std::vector<Message> price(const PciDevice& gpu) const override {
    std::vector<Message> price = {
        {N_("The host keeps the GPU and its screen; virtual functions have no outputs, so the "
            "guest's picture comes over the network (RDP, SPICE) or Looking Glass.")}};
    if (gpu.vendor_id == 0x8086) {
      price.push_back(
          {N_("A Linux guest needs a driver that knows virtual functions; in Windows, "
              "Hyper-V, WSL and memory integrity break Intel's driver (code 43).")});
    }
    if (gpu.vendor_id == 0x10DE) {
      price.push_back({N_("NVIDIA's vGPU software and a licence are needed on host and guest.")});
    }
    return price;
  }
};

}  // namespace

const Way& sr_iov_way() {
  static const SrIovWay way;
  return way;
}

}  // namespace cleave
