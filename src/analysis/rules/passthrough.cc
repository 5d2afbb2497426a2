// What stops handing the whole GPU to a VM (vfio-pci), and what it costs.
#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"

namespace cleave {
namespace {

// The GPU has no group though others have one: left out on purpose.
bool left_out(const Subject& subject) {
  return subject.gpu->iommu_group.is_absent() && !missing(subject.gpu->iommu_group) &&
         subject.facts.iommu.groups.value_or(0) > 0;
}

Outcome check_iommu_group(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (const auto unread = missing(gpu.iommu_group)) return Outcome::unknown({*unread});
  if (const std::uint32_t* group = gpu.iommu_group.value()) {
    return Outcome::pass({{gpu.iommu_group.source(), std::to_string(*group)}});
  }
  std::vector<Evidence> evidence = {{gpu.iommu_group.source(), "absent"}};
  if (auto told = argument_igfx_off(subject.facts)) evidence.push_back(std::move(*told));
  const Fact<std::uint32_t>& groups = subject.facts.iommu.groups;
  if (groups.is_known()) {
    evidence.push_back({groups.source(), format("{} groups", *groups.value())});
  }
  return Outcome::fail(std::move(evidence));
}

// Ubuntu's kernels carry a list of GPUs (Skylake, Kaby Lake, Comet Lake; Launchpad 2062951 and
// 2086587) whose DRHD is ignored, and mainline has one for chips with a broken IOMMU
// (quirk_iommu_igfx, drivers/iommu/intel/iommu.c). Which build has which entries is not known, so
// what was observed decides: no group though there are groups, and nobody asked for that.
Outcome check_kernel_quirk(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kIntelVendorId) return Outcome::not_applicable();
  if (const auto unread = missing(gpu.iommu_group)) return Outcome::unknown({*unread});
  if (const auto unread = missing(subject.facts.iommu.groups)) return Outcome::unknown({*unread});
  const std::string release = subject.facts.kernel.release.value_or("?");
  const std::vector<Field> arguments = {{"release", release}};
  if (gpu.iommu_group.is_known()) {
    return Outcome::pass({{gpu.iommu_group.source(), std::to_string(*gpu.iommu_group.value())}},
                         arguments);
  }
  // Without any group the IOMMU is off; what the kernel would do with it on is not to be seen.
  if (!left_out(subject) || argument_igfx_off(subject.facts)) {
    // Broadwell is on mainline's list, in every kernel that is known.
    const IntelGpu* known = intel_gpu(gpu);
    if (known == nullptr || known->platform != std::string_view("Broadwell")) {
      return Outcome::not_applicable();
    }
    return Outcome::unknown(
        {device_evidence(gpu), {subject.facts.kernel.release.source(), release}}, arguments);
  }
  return Outcome::fail(
      {{gpu.iommu_group.source(), "absent"}, {subject.facts.kernel.release.source(), release}},
      arguments);
}

// Functions of one card differ in their last number only.
bool same_card(PciAddress one, PciAddress other) {
  one.function = 0;
  other.function = 0;
  return one == other;
}

// The devices that would have to go along: those of the GPU's group that are neither bridges nor
// functions of the same card.
Outcome check_group_members(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  const std::uint32_t* group = gpu.iommu_group.value();
  const auto* devices = subject.facts.pci_devices.value();
  if (const auto unread = missing(gpu.iommu_group)) return Outcome::unknown({*unread});
  if (group == nullptr || devices == nullptr) return Outcome::not_applicable();
  std::vector<std::string> others;
  std::optional<Evidence> unseen;
  for (const PciDevice& device : *devices) {
    const std::uint32_t* its = device.iommu_group.value();
    if (device.is_bridge() || same_card(device.address, gpu.address)) continue;
    if (!unseen) unseen = missing(device.iommu_group);
    if (its == nullptr || *its != *group) continue;
    others.push_back(format("{} ({})", to_text(device.address), device.driver.value_or("-")));
  }
  const std::string source = format("/sys/kernel/iommu_groups/{}/devices", *group);
  const std::vector<Field> arguments = {{"devices", join(others, ", ")}, {"group", *group}};
  if (!others.empty()) return Outcome::fail({{source, join(others, ", ")}}, arguments);
  if (unseen) return Outcome::unknown({*unseen}, arguments);
  return Outcome::pass({{source, "nothing else"}}, arguments);
}

Outcome check_module(const Subject& subject) {
  const KernelFacts& kernel = subject.facts.kernel;
  const KernelModule& module = kernel.module("vfio_pci");
  if (module.loaded) return Outcome::pass({{"/proc/modules", "vfio_pci"}});
  if (module.built_in || module.on_disk) {
    return Outcome::pass({{kernel.module_files.source(), "vfio-pci"}});
  }
  if (const KernelConfig* config = kernel.config.value()) {
    const auto found = config->find("VFIO_PCI");
    const std::string how = found == config->end() ? "n" : found->second;
    const Evidence seen{kernel.config.source(), "CONFIG_VFIO_PCI=" + how};
    if (how == "y") return Outcome::pass({seen});
    if (how != "m") return Outcome::fail({seen});
  }
  if (!kernel.module_files.is_known()) {
    return Outcome::unknown(
        {missing(kernel.module_files).value_or(Evidence{kernel.module_files.source(), "absent"})});
  }
  return Outcome::fail({{kernel.module_files.source(), "no vfio-pci"}});
}

// True if a GPU is seen to have a display; the framebuffer that firmware left is no GPU's.
bool any_display(const std::vector<DrmCard>& cards) {
  return std::ranges::any_of(
      cards, [](const DrmCard& card) { return card.pci && !card.connected.empty(); });
}

// The display that a person would lose: outputs in use on this GPU, or the firmware's console.
// The desktop that would lose its screen, as logind knows it.
std::optional<Evidence> desktop_session(const Facts& facts) {
  const Fact<std::vector<LoginSession>>& sessions = facts.session.sessions;
  for (const LoginSession& session : sessions.value_or({})) {
    if (!session.is_graphical() || session.remote || session.seat.empty()) continue;
    return Evidence{sessions.source(),
                    format("{} {} on {}", session.klass, session.type, session.seat)};
  }
  return std::nullopt;
}

Outcome check_host_display(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  const auto gpus = gpus_of(subject.facts);
  const auto* cards = subject.facts.drm_cards.value();
  if (cards != nullptr) {
    for (const DrmCard& card : *cards) {
      if (card.pci != gpu.address || card.connected.empty()) continue;
      std::vector<Evidence> evidence = {
          {subject.facts.drm_cards.source() + "/" + card.name, join(card.connected, " ")}};
      if (auto desktop = desktop_session(subject.facts)) evidence.push_back(std::move(*desktop));
      return Outcome::fail(std::move(evidence), {{"outputs", join(card.connected, ", ")}});
    }
  }
  if (gpus.size() == 1) {
    return Outcome::fail({{"/sys/bus/pci/devices", "the only GPU"}}, {{"outputs", "-"}});
  }
  if (cards == nullptr) {
    return Outcome::unknown({missing(subject.facts.drm_cards)
                                 .value_or(Evidence{subject.facts.drm_cards.source(), "absent"})},
                            {{"outputs", "-"}});
  }
  if (gpu.boot_display.value_or(false) && !any_display(*cards)) {
    return Outcome::fail({{gpu.boot_display.source(), "1"}}, {{"outputs", "-"}});
  }
  return Outcome::pass({{subject.facts.drm_cards.source(), "no display is connected to it"}},
                       {{"outputs", "-"}});
}

Outcome check_reset(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.reset_methods.is_known() && !gpu.reset_methods.value()->empty()) {
    return Outcome::pass({{gpu.reset_methods.source(), *gpu.reset_methods.value()}});
  }
  const PciConfig* config = gpu.config.value();
  if (config != nullptr && config->function_level_reset) {
    return Outcome::pass({{gpu.config.source(), "function-level reset"}});
  }
  if (const auto unread = missing(gpu.reset_methods)) return Outcome::unknown({*unread});
  // Kernels before 5.15 have no such attribute.
  const auto version = parse_kernel_version(subject.facts.kernel.release.value_or(""));
  if (!version || *version < KernelVersion{5, 15}) {
    return Outcome::unknown({{gpu.reset_methods.source(), "absent"}});
  }
  return Outcome::fail({{gpu.reset_methods.source(), "none"}});
}

// What vfio-pci will be told when it is loaded; the last one counts.
std::optional<ModprobeFacts::Option> configured_disable_vga(const ModprobeFacts& modprobe) {
  const auto options = modprobe.options.find("vfio_pci");
  if (options == modprobe.options.end()) return std::nullopt;
  std::optional<ModprobeFacts::Option> found;
  for (const ModprobeFacts::Option& option : options->second) {
    if (option.parameter == "disable_vga") found = option;
  }
  return found;
}

// Integrated graphics are always there (drivers/gpu/drm/i915; QEMU's hw/vfio/igd.c asks for it).
bool is_integrated(const PciDevice& gpu) {
  return gpu.vendor_id == kIntelVendorId && gpu.address == PciAddress{0, 0, 2, 0};
}

// disable_vga takes the VGA ranges away that integrated graphics need (vfio_pci.c).
Outcome check_disable_vga(const Subject& subject) {
  if (!is_integrated(*subject.gpu)) return Outcome::not_applicable();
  const ParameterState state = module_parameter(subject.facts, "vfio_pci", "disable_vga");
  if (state.value) {
    return is_kernel_true(*state.value) ? Outcome::fail({state.evidence})
                                        : Outcome::pass({state.evidence});
  }
  if (!state.certain) return Outcome::unknown({state.evidence});
  const Fact<ModprobeFacts>& modprobe = subject.facts.platform.modprobe;
  if (const auto unread = missing(modprobe)) return Outcome::unknown({*unread});
  const auto option = configured_disable_vga(modprobe.value_or({}));
  if (option && is_kernel_true(option->value)) {
    return Outcome::fail({{option->source, "options vfio-pci disable_vga=" + option->value}});
  }
  return Outcome::pass({state.evidence});
}

Outcome check_opregion(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  const PciConfig* config = gpu.config.value();
  if (!is_integrated(gpu)) return Outcome::not_applicable();
  if (config == nullptr || !config->opregion_address) {
    return Outcome::unknown(
        {missing(gpu.config)
             .value_or(Evidence{gpu.config.source(), "beyond byte 64 it is for root only"})});
  }
  const std::uint32_t address = *config->opregion_address;
  const Evidence seen{gpu.config.source(), format("ASLS {:#x}", address)};
  return address != 0 && address != 0xFFFFFFFFU ? Outcome::pass({seen}) : Outcome::fail({seen});
}

constexpr Rule kRules[] = {
    {.id = "passthrough.iommu_group",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("The GPU is in an IOMMU group, so that a VM can have it as a whole"),
     .why = N_("A device in a VM reaches memory on its own; only an IOMMU keeps it inside the "
               "VM's. The kernel hands over whole IOMMU groups, and this GPU is in none."),
     .remedy = N_("Put intel_iommu=on on the kernel's command line, without igfx_off; on AMD see "
                  "that amd_iommu=off is not there. VT-d or AMD-Vi must be on in the firmware."),
     .check = check_iommu_group},
    {.id = "passthrough.kernel_quirk",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Vendor,
     .title = N_("This kernel does not leave the GPU out of the IOMMU"),
     .why = N_("Linux {release} puts other devices into IOMMU groups and this GPU into none, "
               "though nobody asked for that: it is on a list in the kernel (“Disabling IOMMU for "
               "graphics on this chipset”). Ubuntu's kernels have such a list against flicker, "
               "mainline has one against broken chips."),
     .remedy = N_("No kernel argument takes the list back. With a kernel that does not list this "
                  "GPU (Debian's and mainline's do not list Skylake and later) the whole GPU can "
                  "be passed. GVT-g and virtio-gpu do not need that."),
     .check = check_kernel_quirk},
    {.id = "passthrough.group_members",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("Nothing else shares the GPU's IOMMU group"),
     .why = N_("A group goes to the VM as a whole. With the GPU, these would leave the host: "
               "{devices}."),
     .remedy = N_("Put the card into another slot, or look for ACS in the firmware; or give the "
                  "others to the VM, too, if the host can do without them."),
     .check = check_group_members},
    {.id = "passthrough.module_vfio_pci",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The driver that hands devices to VMs is there (vfio-pci)"),
     .why = N_("The running kernel has no vfio-pci, neither loaded nor on disk."),
     .remedy = N_("Install the kernel's further modules (on Ubuntu linux-modules-extra), or a "
                  "kernel with CONFIG_VFIO_PCI."),
     .check = check_module},
    {.id = "passthrough.host_display",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The host does not show its own screen on this GPU"),
     .why = N_("While a VM has the whole GPU, the host has no picture on its outputs "
               "({outputs}), and the desktop that runs there ends."),
     .remedy = N_("Have a second GPU for the host, or a way in over the network (SSH), before you "
                  "pass this one."),
     .check = check_host_display},
    {.id = "passthrough.reset",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Vendor,
     .title = N_("The GPU can be reset between two VMs"),
     .why = N_("The kernel knows no way to reset this GPU. A second start of the VM may find it in "
               "the state that the first one left, and fail."),
     .remedy = N_("Expect to reboot the host between two starts; for some AMD cards there is the "
                  "module vendor-reset."),
     .check = check_reset},
    {.id = "passthrough.disable_vga",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("vfio-pci leaves the GPU its VGA ranges (disable_vga)"),
     .why = N_("vfio-pci.disable_vga takes the VGA ranges away, which integrated graphics need in "
               "a VM."),
     .remedy = N_("Take vfio-pci.disable_vga off the kernel's command line and out of "
                  "/etc/modprobe.d."),
     .check = check_disable_vga},
    {.id = "passthrough.opregion",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Firmware,
     .title = N_("The firmware left an OpRegion for the GPU"),
     .why = N_("The OpRegion tells the driver about the machine's displays. Without it Windows' "
               "driver does not start in a VM (code 43)."),
     .remedy = N_("Make the integrated GPU the primary display in the firmware, so that it is set "
                  "up at power-on."),
     .check = check_opregion},
};

}  // namespace

std::span<const Rule> passthrough_rules() { return kRules; }

}  // namespace cleave
