// virtio-gpu: the guest draws through QEMU, with the host's OpenGL or Vulkan.
#include "ways/ways.h"

namespace cleave {
namespace {

class VirtioGpuWay final : public Way {
 public:
  [[nodiscard]] const char* id() const override { return "virtio-gpu"; }
  [[nodiscard]] bool applies_to(const PciDevice& gpu) const override { return gpu.is_gpu(); }
  // Its accelerated driver exists for Linux only; Windows' is display-only (virtio-win viogpudo).
  [[nodiscard]] bool accelerates(Guest guest) const override { return guest == Guest::Linux; }

  [[nodiscard]] std::vector<std::string> needs() const override {
    return {"cpu.virtualisation", "kvm.node", "kvm.accessible", "virtio_gpu.render_node",
            "virtio_gpu.render_access"};
  }

  [[nodiscard]] std::vector<Message> price(const PciDevice& /*gpu*/) const override {
    return {{N_("The host keeps everything; any number of VMs can draw on the GPU.")},
            {N_("Linux guests only: Windows has a picture and no acceleration. What a guest draws "
                "is translated, which costs speed; QEMU needs a display with OpenGL.")}};
  }
};

}  // namespace

const Way& virtio_gpu_way() {
  static const VirtioGpuWay way;
  return way;
}

}  // namespace cleave
