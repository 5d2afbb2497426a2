// What virtio-gpu needs: QEMU draws for the guest with the host's own OpenGL or Vulkan. Any GPU
// with a render node will do; only Linux guests get acceleration.
#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "analysis/rules/node_access.h"
#include "analysis/rules/qemu_programs.h"
#include "analysis/virtio_gpu_needs.h"

namespace cleave {
namespace {

namespace needs = virtio_gpu_needs;

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
  std::vector<Field> arguments = {{"path", path}, {"group", "render"}};
  const auto& nodes = subject.facts.platform.render_nodes;
  if (const auto unread = missing(nodes)) return Outcome::unknown({*unread}, arguments);
  for (const NodeAccess& node : nodes.value_or({})) {
    if (node.path != path) continue;
    const Evidence seen = access_evidence(subject.facts, node);
    arguments.back() = {"group", group_that_opens(subject.facts, node, "render")};
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
  return *version >= needs::kKernelForBlobs ? Outcome::pass({seen}, arguments)
                                            : Outcome::fail({seen}, arguments);
}

constexpr const char* kLibrary = "virglrenderer";

// Nothing else matters where there is no QEMU: qemu.present tells.
Outcome with_qemu(const Outcome& qemu, std::vector<Outcome> others) {
  if (qemu.kind == OutcomeKind::NotApplicable) return qemu;
  others.insert(others.begin(), qemu);
  return worst_of(others);
}

std::string drawing_text(const QemuAbilities& qemu, bool has, const char* what) {
  return format("{}: {}{}", qemu_name(qemu), has ? "" : "no ", what);
}

Outcome check_virgl(const Subject& subject) {
  const QemuFacts& facts = subject.facts.qemu;
  const Outcome qemu = ask_programs(
      subject, {.can = [](const QemuAbilities& one, const Subject&) { return one.has_virgl(); },
                .say =
                    [](const QemuAbilities& one, const Subject&) {
                      return drawing_text(one, one.has_virgl(),
                                          "virtio-vga-gl with OpenGL display");
                    }});
  Outcome outcome = with_qemu(qemu, {at_least(facts.virglrenderer, kLibrary, needs::kForVirgl)});
  if (outcome.kind == OutcomeKind::Pass && facts.mesa.is_known()) {
    outcome.evidence.push_back({facts.mesa.source(), "Mesa " + *facts.mesa.value()});
  }
  return outcome;
}

Outcome ask_venus(const Subject& subject) {
  return ask_programs(
      subject, {.can = [](const QemuAbilities& one, const Subject&) { return one.has_venus(); },
                .say = [](const QemuAbilities& one,
                          const Subject&) { return drawing_text(one, one.has_venus(), "venus"); }});
}

Outcome check_venus(const Subject& subject) {
  return with_qemu(ask_venus(subject),
                   {at_least(subject.facts.qemu.virglrenderer, kLibrary, needs::kForVenus),
                    kernel_at_least(subject.facts.kernel.release, 6, 13)});
}

// A package of virglrenderer looks for the program where its distribution puts it; a library that
// was built by hand may have it anywhere. A QEMU without venus asks for no such program.
Outcome check_render_server(const Subject& subject) {
  if (ask_venus(subject).kind != OutcomeKind::Pass) return Outcome::not_applicable();
  const QemuFacts& facts = subject.facts.qemu;
  const Fact<std::string>& server = facts.render_server;
  if (server.is_known()) return Outcome::pass({{server.source(), "there"}});
  if (const auto unread = missing(server)) return Outcome::unknown({*unread});
  if (server.source().empty()) {
    return Outcome::unknown({{"virgl_render_server", "not looked for"}});
  }
  const Evidence seen{server.source(), "not there"};
  return facts.virglrenderer.is_known() ? Outcome::fail({seen}) : Outcome::unknown({seen});
}

// virglrenderer serves the drivers that it was taught: i915 and amdgpu here; that of xe is not
// merged (April 2026).
Outcome driver_outcome(const Subject& subject) {
  const Fact<std::string>& driver = subject.gpu->driver;
  if (const auto unread = missing(driver)) return Outcome::unknown({*unread});
  const std::string name = driver.value_or("none");
  if (name == "i915") {
    return at_least(subject.facts.qemu.virglrenderer, kLibrary, needs::kForIntelContext);
  }
  if (name == "amdgpu") {
    return at_least(subject.facts.qemu.virglrenderer, kLibrary, needs::kForAmdContext);
  }
  return Outcome::fail({{driver.source(), name}});
}

Outcome check_native_context(const Subject& subject) {
  const Outcome qemu = ask_programs(
      subject,
      {.can = [](const QemuAbilities& one, const Subject&) { return one.has_native_context(); },
       .say =
           [](const QemuAbilities& one, const Subject&) {
             return drawing_text(one, one.has_native_context(), "drm_native_context");
           }});
  return with_qemu(qemu,
                   {driver_outcome(subject), kernel_at_least(subject.facts.kernel.release, 6, 13)});
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
                  "usermod -aG {group} $USER, and log in again."),
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
    {.id = "virtio_gpu.virgl",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("QEMU can give Linux guests OpenGL (virgl)"),
     .why = N_("The guest's OpenGL is drawn by virglrenderer, 0.8.2 or newer, in QEMU's process: "
               "device virtio-vga-gl, on a display with OpenGL (gl=on)."),
     .remedy = N_("Install what is missing: qemu-system-gui (from Debian 13 and Ubuntu 24.04 on "
                  "qemu-system-modules-opengl) and libvirglrenderer1 on Debian and "
                  "Ubuntu, qemu-device-display-virtio-vga-gl on Fedora, "
                  "qemu-hw-display-virtio-vga-gl on Arch. Where only virglrenderer's version is "
                  "unknown, try it."),
     .check = check_virgl},
    {.id = "virtio_gpu.venus",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("QEMU can give Linux guests Vulkan (venus)"),
     .why = N_("Vulkan in the guest needs QEMU 9.2 or newer, virglrenderer 1.0 or newer and Linux "
               "6.13 or newer here; in the guest Linux 5.16 and Mesa 24.2: "
               "virtio-vga-gl,hostmem=8G,blob=true,venus=true."),
     .remedy = N_("Renew what is named above: a newer release of the distribution has all of them. "
                  "OpenGL (virgl) works without."),
     .check = check_venus},
    {.id = "virtio_gpu.render_server",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The program that draws a guest's Vulkan is there"),
     .why = N_("virglrenderer draws Vulkan (venus) in a program of its own, virgl_render_server; "
               "without it the guest has no picture at all, OpenGL included."),
     .remedy = N_("Install it: the package virgl-server on Debian and Ubuntu; elsewhere it comes "
                  "with virglrenderer. OpenGL (virgl) works without."),
     .check = check_render_server},
    {.id = "virtio_gpu.native_context",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("Linux guests can use the GPU's own driver (native context)"),
     .why = N_("With a native context the guest's Mesa speaks to the host's driver nearly as on "
               "the host. It needs QEMU 11.0, Linux 6.13, virglrenderer built for it: 1.3 for "
               "i915, 1.2 for amdgpu; for xe there are only patches. In the guest: Linux 6.14, "
               "Mesa 26.1 for Intel, 25.0 for AMD."),
     .remedy = N_("Until all of these are there, use OpenGL (virgl) or Vulkan (venus): they do "
                  "with less."),
     .check = check_native_context},
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
