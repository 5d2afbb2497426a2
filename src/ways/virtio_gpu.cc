// virtio-gpu: the guest draws through QEMU, with the host's OpenGL or Vulkan.
#include <algorithm>

#include "analysis/rules/node_access.h"
#include "ways/ways.h"

namespace cleave {
namespace {

constexpr const char* kVirglNeeds[] = {
    "virtio_gpu.draws", "cpu.virtualisation",     "kvm.node",
    "kvm.accessible",   "virtio_gpu.render_node", "virtio_gpu.render_access"};
// Blob resources on top (docs/system/devices/virtio/virtio-gpu.rst of QEMU).
constexpr const char* kVulkanNeeds[] = {
    "virtio_gpu.draws",        "cpu.virtualisation",     "kvm.node",
    "kvm.accessible",          "virtio_gpu.render_node", "virtio_gpu.render_access",
    "virtio_gpu.kernel_blobs", "virtio_gpu.venus",       "virtio_gpu.render_server"};
constexpr const char* kNativeNeeds[] = {
    "virtio_gpu.draws",         "cpu.virtualisation",      "kvm.node",
    "kvm.accessible",           "virtio_gpu.render_node",  "virtio_gpu.render_access",
    "virtio_gpu.native_driver", "virtio_gpu.kernel_blobs", "virtio_gpu.native_context"};

constexpr const char* kHost =
    N_("The host keeps everything; any number of VMs can draw on the GPU.");

// Their accelerated drivers exist for Linux only; Windows' is display-only (virtio-win viogpudo).
// OpenGL comes first: it works with every kernel, and the longest.
constexpr Mode kModes[] = {
    {.id = "virgl",
     .applies = on_every_gpu,
     .needs = kVirglNeeds,
     .about = N_("OpenGL for the guest"),
     .on_host = kHost,
     .in_guest =
         N_("Linux guests only: Windows has a picture and no acceleration. What a guest draws "
            "is translated, which costs speed; QEMU needs a display with OpenGL."),
     .fragile = N_("Long known and robust; but a guest gets no Vulkan, and OpenGL only as far as "
                   "the host's own driver goes."),
     .windows = false},
    {.id = "venus",
     .applies = on_every_gpu,
     .needs = kVulkanNeeds,
     .about = N_("Vulkan for the guest"),
     .on_host = kHost,
     .in_guest =
         N_("Linux guests from kernel 5.16 and Mesa 24.2 on get Vulkan, close to the host's "
            "speed; Windows has a picture and no acceleration."),
     .fragile = N_("Needs at least QEMU 9.2, virglrenderer 1.0 and, on the host, Linux 6.13."),
     .windows = false},
    {.id = "native-context",
     .applies = on_every_gpu,
     .needs = kNativeNeeds,
     .about = N_("the GPU's own driver in the guest"),
     .on_host = kHost,
     .in_guest =
         N_("Linux guests from kernel 6.14 on draw with the GPU's own Mesa driver (amdgpu: "
            "Mesa 25.0, i915: 26.1), nearly as fast as the host; Windows has no acceleration."),
     .fragile = N_("New: needs QEMU 11.0 and virglrenderer 1.2 (amdgpu) or 1.3 (i915); xe, nouveau "
                   "and NVIDIA's driver have none."),
     .windows = false},
};

class VirtioGpuWay final : public Way {
 public:
  [[nodiscard]] const char* id() const override { return "virtio-gpu"; }
  [[nodiscard]] bool applies_to(const PciDevice& gpu) const override { return gpu.is_gpu(); }
  [[nodiscard]] std::span<const Mode> modes() const override { return kModes; }

 protected:
  [[nodiscard]] Result<Preparation> wants(const Facts& facts, const PciDevice& gpu,
                                          const Mode& mode) const override;
};

const NodeAccess* render_node(const Facts& facts, const PciDevice& gpu) {
  const auto* cards = facts.drm_cards.value();
  const auto* nodes = facts.platform.render_nodes.value();
  if (cards == nullptr || nodes == nullptr) return nullptr;
  const auto card = std::ranges::find(*cards, gpu.address, &DrmCard::pci);
  if (card == cards->end() || card->render_node.empty()) return nullptr;
  const auto node = std::ranges::find(*nodes, "/dev/dri/" + card->render_node, &NodeAccess::path);
  return node == nodes->end() ? nullptr : &*node;
}

// QEMU is a program like others that draw: the host needs nothing at boot. logind opens the node to
// whoever sits at the machine (70-uaccess.rules of systemd); for others there is a group.
Result<Preparation> VirtioGpuWay::wants(const Facts& facts, const PciDevice& gpu,
                                        const Mode& /*mode*/) const {
  Preparation all;
  if (const NodeAccess* node = render_node(facts, gpu)) {
    all.remarks.push_back(
        {N_("{path} is open to whoever sits at this machine. Who comes over the network, and a "
            "service, has to be in the group {group}: sudo usermod -aG {group} NAME"),
         {{"path", node->path}, {"group", group_that_opens(facts, *node, "render")}}});
  }
  return all;
}

}  // namespace

const Way& virtio_gpu_way() {
  static const VirtioGpuWay way;
  return way;
}

}  // namespace cleave
