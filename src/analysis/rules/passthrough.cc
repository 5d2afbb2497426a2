// What stops handing the whole GPU to a VM (vfio-pci), and what it costs.
#include <algorithm>

#include "analysis/device_safety.h"
#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"
#include "facts/dmar_devices.h"

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
  for (const PciDevice* member : group_members(subject.facts, gpu)) {
    if (same_card(member->address, gpu.address)) continue;
    others.push_back(format("{} ({})", to_text(member->address), member->driver.value_or("-")));
  }
  std::optional<Evidence> unseen;
  for (const PciDevice& device : *devices) {
    if (device.is_bridge() || same_card(device.address, gpu.address)) continue;
    if (!unseen) unseen = missing(device.iommu_group);
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
  // 3D controllers (0302h) and accelerators (12h) have no outputs.
  if (gpu.class_code >> 8U == 0x0302 || gpu.class_code >> 16U == 0x12) {
    return Outcome::pass({{gpu.sysfs_path + "/class", format("{:#08x}", gpu.class_code)}},
                         {{"outputs", "-"}});
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

// From QEMU 10.1 on the legacy mode takes graphics 6 to 9 only (hw/vfio/igd.c). Before, it took 10
// to 12 as well, but SeaBIOS sets up nothing that is newer than 10 (docs/igd-assign.txt), and these
// have no VGA BIOS any more.
Outcome check_igd_generation(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (!is_integrated(gpu)) return Outcome::not_applicable();
  const IntelGpu* known = intel_gpu(gpu);
  const std::vector<Field> arguments = {{"platform", known == nullptr ? "?" : known->platform}};
  if (known == nullptr) return Outcome::unknown({device_evidence(gpu)}, arguments);
  const bool old_enough = known->graphics_version >= 6 && known->graphics_version <= 9;
  return old_enough ? Outcome::pass({device_evidence(gpu)}, arguments)
                    : Outcome::fail({device_evidence(gpu)}, arguments);
}

// What the firmware set up as the first display is of class 0300h (VGA compatible) and has
// boot_vga; else integrated graphics are 0380h and have no VGA ranges.
Outcome check_primary_display(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (!is_integrated(gpu)) return Outcome::not_applicable();
  constexpr std::uint32_t kVga = 0x0300;
  if (gpu.class_code >> 8U != kVga) {
    return Outcome::fail({{gpu.sysfs_path + "/class", format("{:#08x}", gpu.class_code)}});
  }
  if (const auto unread = missing(gpu.boot_display)) return Outcome::unknown({*unread});
  const Evidence seen{gpu.boot_display.source(), gpu.boot_display.value_or(false) ? "1" : "0"};
  return gpu.boot_display.value_or(false) ? Outcome::pass({seen}) : Outcome::fail({seen});
}

// The narrowest unit counts: which one is the GPU's, only root can tell from the table.
struct IommuWidth {
  std::uint32_t bits = 0;  // 0: no unit told
  std::string source;
};

IommuWidth narrowest(const IommuFacts& iommu) {
  IommuWidth width;
  for (const IommuUnit& unit : iommu.registers) {
    const VtdCapabilities* vtd = unit.capabilities.value();
    if (vtd == nullptr) continue;
    const std::uint32_t bits = vtd->max_guest_address_bits;
    if (width.bits == 0 || bits < width.bits) width = {bits, unit.capabilities.source()};
  }
  return width;
}

// QEMU maps the guest's memory and BARs where the guest's processor can reach; what lies beyond the
// IOMMU's width is refused (vfio_container_dma_map … = -22; docs/igd-assign.txt).
Outcome check_address_width(const Subject& subject) {
  const Fact<CpuFacts>& cpu = subject.facts.cpu;
  const Fact<std::vector<std::string>>& units = subject.facts.iommu.units;
  const IommuWidth iommu = narrowest(subject.facts.iommu);
  const std::uint32_t processor = cpu.is_known() ? cpu.value()->physical_address_bits : 0;
  const std::vector<Field> arguments = {{"bits", iommu.bits}, {"processor", processor}};
  if (const auto unread = missing(units)) return Outcome::unknown({*unread}, arguments);
  if (const auto unread = missing(cpu)) return Outcome::unknown({*unread}, arguments);
  // AMD's IOMMUs reach as far as their processors; without any iommu.present speaks.
  if (units.value_or({}).empty() || !cpu.is_known() || cpu.value()->svm) {
    return Outcome::not_applicable();
  }
  if (iommu.bits == 0) return Outcome::unknown({{units.source(), "no width"}}, arguments);
  if (processor == 0) return Outcome::unknown({{cpu.source(), "no address sizes"}}, arguments);
  const std::vector<Evidence> evidence = {{iommu.source, format("{} bits", iommu.bits)},
                                          {cpu.source(), format("{} bits physical", processor)}};
  return iommu.bits < processor ? Outcome::fail(evidence, arguments)
                                : Outcome::pass(evidence, arguments);
}

// As the drivers call their framebuffers: drivers/video/fbdev/{efifb,vesafb,simplefb}.c, and
// simpledrm through drm_fbdev ("simpledrmdrmfb").
bool is_of_the_firmware(std::string_view name) {
  return name == "EFI VGA" || name == "VESA VGA" || name == "simple" ||
         name.starts_with("simpledrm");
}

// vfio-pci takes the firmware's framebuffer away itself since Linux 6.0 ("vfio/pci: Remove console
// drivers", d17378062079).
Outcome check_framebuffer(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (const auto unread = missing(gpu.boot_display)) return Outcome::unknown({*unread});
  if (!gpu.boot_display.value_or(false)) return Outcome::not_applicable();
  const Fact<std::vector<std::string>>& framebuffers = subject.facts.platform.framebuffers;
  if (const auto unread = missing(framebuffers)) return Outcome::unknown({*unread});
  const auto names = framebuffers.value_or({});
  const auto found = std::ranges::find_if(names, is_of_the_firmware);
  if (found == names.end()) {
    return Outcome::pass({{framebuffers.source(), names.empty() ? "none" : join(names, ", ")}});
  }
  const Evidence seen{framebuffers.source(), *found};
  const Fact<std::string>& release = subject.facts.kernel.release;
  const auto version = parse_kernel_version(release.value_or(""));
  if (!version) return Outcome::unknown({seen, {release.source(), release.value_or("absent")}});
  const Evidence kernel{release.source(), *release.value()};
  return *version >= KernelVersion{6, 0} ? Outcome::pass({seen, kernel})
                                         : Outcome::fail({seen, kernel});
}

// Linux lets VMs have graphics and USB controllers all the same: their reserved memory is for the
// time before the driver (device_rmrr_is_relaxable, drivers/iommu/intel/iommu.c).
bool is_relaxed(const PciDevice& device) {
  constexpr std::uint32_t kUsb = 0x0C03;
  return device.class_code >> 16U == 0x03 || device.class_code >> 8U == kUsb;
}

Outcome check_reserved_memory(const Subject& subject) {
  const std::uint32_t* group = subject.gpu->iommu_group.value();
  const auto* devices = subject.facts.pci_devices.value();
  const Fact<DmarTable>& dmar = subject.facts.iommu.dmar;
  const std::vector<Field> none = {{"devices", ""}};
  if (const auto unread = missing(subject.gpu->iommu_group)) {
    return Outcome::unknown({*unread}, none);
  }
  if (const auto unread = missing(dmar)) return Outcome::unknown({*unread}, none);
  if (dmar.is_absent() || group == nullptr || devices == nullptr) return Outcome::not_applicable();
  std::vector<std::string> held;
  for (const PciDevice& device : *devices) {
    const std::uint32_t* its = device.iommu_group.value();
    if (its == nullptr || *its != *group || device.is_bridge() || is_relaxed(device)) continue;
    if (!rmrrs_of(*dmar.value(), device.path).empty()) held.push_back(to_text(device.address));
  }
  const std::vector<Field> arguments = {{"devices", join(held, ", ")}};
  if (held.empty()) return Outcome::pass({{dmar.source(), "no RMRR that counts"}}, arguments);
  return Outcome::fail({{dmar.source(), "RMRR of " + join(held, ", ")}}, arguments);
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
     .check = check_iommu_group,
     .restart = true},
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
     .check = check_kernel_quirk,
     .restart = true},
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
     .check = check_disable_vga,
     .restart = true},
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
    {.id = "passthrough.igd_generation",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Nobody,
     .title = N_("QEMU's legacy mode knows this integrated GPU"),
     .why = N_("The legacy mode boots a VM with the GPU's own VGA BIOS. QEMU has it for graphics "
               "from Sandy Bridge to Comet Lake; this is {platform}."),
     .remedy = N_("Give the GPU to a VM with UEFI firmware (OVMF); a ROM for this generation shows "
                  "a picture at boot."),
     .check = check_igd_generation},
    {.id = "passthrough.primary_display",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Firmware,
     .title = N_("The firmware made the integrated GPU the first display"),
     .why = N_("Another GPU is the first display, so this one has no VGA ranges and no VGA BIOS, "
               "which the legacy mode boots with."),
     .remedy = N_("In the firmware set the primary display to the integrated GPU (IGD, iGPU, "
                  "onboard)."),
     .check = check_primary_display},
    {.id = "passthrough.address_width",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The IOMMU reaches as far as the processor"),
     .why = N_("The IOMMU knows addresses of {bits} bits, the processor {processor}. A VM with the "
               "processor's width (-cpu host) may put a device's memory where the IOMMU cannot "
               "reach: “vfio_container_dma_map … = -22”."),
     .remedy = N_("Give QEMU -cpu host,host-phys-bits-limit={bits}."),
     .check = check_address_width},
    {.id = "passthrough.framebuffer_holds",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The firmware's framebuffer does not hold the GPU's memory"),
     .why =
         N_("The console still draws through the framebuffer that the firmware left, so vfio-pci "
            "of this kernel does not get the GPU's memory: “BAR … can't reserve”."),
     .remedy = N_("Put initcall_blacklist=sysfb_init (before Linux 5.15: video=efifb:off) on the "
                  "kernel's command line and restart, or take Linux 6.0 or newer."),
     .check = check_framebuffer,
     .restart = true},
    {.id = "passthrough.reserved_memory",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Firmware,
     .title = N_("The firmware has reserved no memory for what goes along with the GPU (RMRR)"),
     .why =
         N_("The firmware wants to reach memory through {devices} at any time, so Linux does not "
            "give them to a VM (“ineligible for IOMMU domain attach due to platform RMRR”). For "
            "graphics and USB it makes an exception."),
     .remedy = N_("Look in the firmware for a switch of that device's management (on HPE servers "
                  "conrep's RMRDS), or for an update."),
     .check = check_reserved_memory},
};

}  // namespace

std::span<const Rule> passthrough_rules() { return kRules; }

}  // namespace cleave
