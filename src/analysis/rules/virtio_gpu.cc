// What virtio-gpu needs: QEMU draws for the guest with the host's own OpenGL or Vulkan. Any GPU
// with a render node will do; only Linux guests get acceleration.
#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"

namespace cleave {
namespace {

const DrmCard* card_of(const Subject& subject) {
  const auto* cards = subject.facts.drm_cards.value();
  if (cards == nullptr) return nullptr;
  const auto found = std::ranges::find(*cards, subject.gpu->address, &DrmCard::pci);
  return found == cards->end() ? nullptr : &*found;
}

// Accelerators (base class 12h) have a render node, but no engine that draws.
Outcome check_draws(const Subject& subject) {
  const Evidence seen{subject.gpu->sysfs_path + "/class",
                      format("{:#08x}", subject.gpu->class_code)};
  return subject.gpu->class_code >> 16U == 0x03 ? Outcome::pass({seen}) : Outcome::fail({seen});
}

Outcome check_render_node(const Subject& subject) {
  const Fact<std::vector<DrmCard>>& cards = subject.facts.drm_cards;
  if (const auto unread = missing(cards)) return Outcome::unknown({*unread});
  const DrmCard* card = card_of(subject);
  if (card != nullptr && !card->render_node.empty()) {
    return Outcome::pass({{cards.source() + "/" + card->name, card->render_node}});
  }
  return Outcome::fail({{subject.gpu->sysfs_path + "/drm", "no render node"}});
}

Outcome check_render_access(const Subject& subject) {
  const DrmCard* card = card_of(subject);
  if (card == nullptr || card->render_node.empty()) return Outcome::not_applicable();
  const std::string path = "/dev/dri/" + card->render_node;
  const std::vector<Field> arguments = {{"path", path}};
  const auto& nodes = subject.facts.platform.render_nodes;
  if (const auto unread = missing(nodes)) return Outcome::unknown({*unread}, arguments);
  for (const NodeAccess& node : nodes.value_or({})) {
    if (node.path != path) continue;
    const Evidence seen{path, format("mode {:04o}, group {}", node.mode, node.group)};
    return node.usable ? Outcome::pass({seen}, arguments) : Outcome::fail({seen}, arguments);
  }
  return Outcome::fail({{path, "absent"}}, arguments);
}

// Blobs, venus and native contexts need KVM to map memory of the GPU's driver, which came with
// Linux 6.13 (docs/system/devices/virtio/virtio-gpu.rst of QEMU).
Outcome check_blobs(const Subject& subject) {
  const Fact<std::string>& release = subject.facts.kernel.release;
  if (const auto unread = missing(release)) return Outcome::unknown({*unread});
  const std::vector<Field> arguments = {{"release", release.value_or("?")}};
  const auto version = parse_kernel_version(release.value_or(""));
  if (!version) {
    return Outcome::unknown({{release.source(), release.value_or("absent")}}, arguments);
  }
  const Evidence seen{release.source(), *release.value()};
  return *version >= KernelVersion{6, 13} ? Outcome::pass({seen}, arguments)
                                          : Outcome::fail({seen}, arguments);
}

// The host's drivers that virglrenderer has a native context for (QEMU's virtio-gpu.rst); those of
// ARM boards (msm, panfrost) are bound to no PCI device.
Outcome check_native_driver(const Subject& subject) {
  const Fact<std::string>& driver = subject.gpu->driver;
  const std::vector<Field> arguments = {{"driver", driver.value_or("-")}};
  if (const auto unread = missing(driver)) return Outcome::unknown({*unread}, arguments);
  // Without any driver virtio_gpu.render_node speaks.
  if (!driver.is_known()) return Outcome::not_applicable();
  const Evidence seen{driver.source(), *driver.value()};
  const bool known = *driver.value() == "amdgpu" || *driver.value() == "i915";
  return known ? Outcome::pass({seen}, arguments) : Outcome::fail({seen}, arguments);
}

constexpr Rule kRules[] = {
    {.id = "virtio_gpu.draws",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Nobody,
     .title = N_("The GPU draws, and does not only compute"),
     .why = N_("This is an accelerator: it computes, and has nothing that draws for a guest."),
     .remedy = N_("Hand it to VMs as a whole, or share it with SR-IOV."),
     .check = check_draws},
    {.id = "virtio_gpu.render_node",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The GPU has a render node, on which QEMU can draw"),
     .why = N_("QEMU draws what the guest asks for on the host's GPU, through /dev/dri/renderD*. "
               "This GPU has none: its driver is not loaded, or does not draw."),
     .remedy =
         N_("Load the GPU's own driver (i915, xe, amdgpu, nouveau); nomodeset on the kernel's "
            "command line keeps them away."),
     .check = check_render_node},
    {.id = "virtio_gpu.render_access",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("You may use the GPU's render node"),
     .why = N_("QEMU runs as you, and {path} is not open to you."),
     .remedy = N_("Log in at the machine itself (then logind opens it), or join the group: sudo "
                  "usermod -aG render $USER, and log in again."),
     .check = check_render_access},
    {.id = "virtio_gpu.kernel_blobs",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The kernel can give guests Vulkan (venus) and native contexts"),
     .why = N_("OpenGL (virgl) works with every kernel; Vulkan in the guest and its near-native "
               "drivers need Linux 6.13 or newer on the host. This is Linux {release}."),
     .remedy =
         N_("For Vulkan in a Linux guest: a newer kernel, QEMU 9.2 or newer (native contexts: "
            "11.0), virglrenderer 1.0 or newer."),
     .check = check_blobs,
     .restart = true},
    {.id = "virtio_gpu.native_driver",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Vendor,
     .title = N_("The GPU's driver has native contexts for guests"),
     .why = N_("Native contexts let a guest's own Mesa driver speak to the host's kernel driver. "
               "There are some for amdgpu and i915; this GPU is driven by {driver}."),
     .remedy = N_("Use OpenGL (virgl) or Vulkan (venus), which work with every driver."),
     .check = check_native_driver},
};

}  // namespace

std::span<const Rule> virtio_gpu_rules() { return kRules; }

}  // namespace cleave
