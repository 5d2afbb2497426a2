// Whole passthrough: one VM has the GPU, the host does without.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "analysis/intel_gpu.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/boot_loader.h"
#include "plan/early_binding.h"
#include "plan/host_files.h"
#include "ways/preparing.h"
#include "ways/vfio_device.h"
#include "ways/ways.h"
#include "ways/whole_devices.h"

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
  [[nodiscard]] Result<std::vector<const PciDevice*>> gives(const Facts& facts,
                                                            const PciDevice& device) const override;
  [[nodiscard]] GuestDevice guest_device(const Attachment& attachment) const override {
    return vfio_guest_device(attachment);
  }

 protected:
  [[nodiscard]] Result<Preparation> wants(const Facts& facts, const PciDevice& gpu,
                                          const Mode& mode) const override;
};

// The GPU and the other functions of its card, which a VM gets with it. Virtual functions are no
// part of the card.
std::vector<const PciDevice*> functions_of(const Facts& facts, const PciDevice& gpu) {
  std::vector<const PciDevice*> functions;
  const auto* devices = facts.pci_devices.value();
  if (devices == nullptr) return functions;
  for (const PciDevice& device : *devices) {
    PciAddress place = device.address;
    place.function = gpu.address.function;
    if (place != gpu.address || device.is_bridge() || device.is_virtual_function) continue;
    functions.push_back(&device);
  }
  return functions;
}

// What graphics cards are made of: the GPU, sound (0403h), and the USB-C socket of some with its
// own controllers (0C03h, 0C80h), all of one vendor. The graphics of Ryzen processors (1002h) share
// their place with the machine's USB and its security processor (1080h; both 1022h), which the host
// cannot do without.
bool is_part_of_card(const PciDevice& device, const PciDevice& gpu) {
  constexpr std::array<std::uint32_t, 3> kParts = {0x0403, 0x0C03, 0x0C80};
  const bool known =
      device.is_gpu() || std::ranges::find(kParts, device.class_code >> 8U) != kParts.end();
  return known && device.vendor_id == gpu.vendor_id;
}

// What is at the card's place and no part of it.
std::string strangers_beside(const Facts& facts, const PciDevice& gpu) {
  std::vector<std::string> strangers;
  for (const PciDevice* function : functions_of(facts, gpu)) {
    if (!is_part_of_card(*function, gpu)) strangers.push_back(to_text(function->address));
  }
  return join(strangers, ", ");
}

// Of a graphics card all its parts; of what else there is the one function that was named: the
// ports of a network card have nothing to do with each other.
Result<std::vector<const PciDevice*>> PassthroughWay::gives(const Facts& facts,
                                                            const PciDevice& device) const {
  std::vector<const PciDevice*> given = {&device};
  if (!device.is_gpu() || device.is_virtual_function) return given;
  for (const PciDevice* function : functions_of(facts, device)) {
    const bool itself = function->address == device.address;
    if (!itself && is_part_of_card(*function, device)) given.push_back(function);
  }
  return given;
}

// Why the GPU is left to its driver at boot; empty: it can be bound. An integrated GPU is the
// host's screen more often than not, and bound at boot it would be lost without a VM, too.
std::optional<Message> stays_with_driver(const Facts& facts, const PciDevice& gpu) {
  if (is_igd(gpu)) {
    return Message(
        N_("It stays with its driver at boot: the host draws on it until a VM starts, "
           "and has no screen on it while the VM runs."));
  }
  const Rule* display = find_rule("passthrough.host_display");
  const OutcomeKind free = display == nullptr ? OutcomeKind::Unknown
                                              : display->check({.facts = facts, .gpu = &gpu}).kind;
  if (free == OutcomeKind::Fail) {
    return Message(
        N_("It stays with its driver at boot: the host shows its own screen on it, and "
           "has none while a VM runs that has this GPU."));
  }
  if (free != OutcomeKind::Pass) {
    return Message(
        N_("It stays with its driver at boot: whether the host shows its own screen on "
           "it could not be seen."));
  }
  if (fails("passthrough.group_members", {.facts = facts, .gpu = &gpu})) {
    return Message(
        N_("It stays with its driver at boot as long as other devices are in its IOMMU "
           "group: no VM can have it so."));
  }
  const std::string strangers = strangers_beside(facts, gpu);
  if (strangers.empty()) return std::nullopt;
  return Message(N_("It stays with its driver at boot: {devices} at the same place are no parts of "
                    "a graphics card, and the host may need them."),
                 {{"devices", strangers}});
}

// By address, because two cards can have the same id; with the id beside it, because after a change
// of the hardware another device can have the address. driver_override keeps every other driver
// away, whichever is loaded first, so no order of modules (softdep) is needed; drivers_probe binds
// where vfio-pci was loaded before the rule was read (Documentation/ABI/testing/sysfs-bus-pci,
// sysfs-bus; “[subsystem/pci]”: udev(7)).
HostLine bound_at_boot(const PciDevice& device, bool is_the_gpu) {
  HostLine line;
  line.file = HostFile::Udev;
  line.line = format(R"(ACTION=="add", SUBSYSTEM=="pci", ENV{{cleave.early_binding}}!="off", )"
                     R"(KERNEL=="{}", ATTR{{vendor}}=="{:#06x}", )"
                     R"(ATTR{{device}}=="{:#06x}", ATTR{{driver_override}}="vfio-pci", )"
                     R"(ATTR{{[subsystem/pci]drivers_probe}}="$kernel")",
                     to_text(device.address), device.vendor_id, device.device_id);
  if (is_the_gpu) {
    line.reason = {
        N_("A desktop opens every GPU that has a driver, and such a GPU cannot safely be "
           "taken away from it. So vfio-pci has it from the start.")};
    line.cost = {
        N_("From the next start on the host has nothing of this GPU, whether a VM runs or "
           "not.")};
  } else {
    line.reason = {N_("It is part of the same card, and a VM gets the card as a whole.")};
    line.cost = {N_("The host cannot use this part of the card any more.")};
  }
  return line;
}

// mkinitcpio without the directory of drop-ins (before 37) has one file of settings, which is the
// person's. Images of systems that are made as a whole are not made here.
std::string early_tool(const Facts& facts) {
  const InitramfsTool tool = find_initramfs_tool(facts);
  const auto& marks = facts.boot.initramfs.marks;
  const bool without_drop_ins = tool.name == "mkinitcpio" &&
                                std::ranges::find(marks, "/etc/mkinitcpio.conf.d") == marks.end();
  const bool usable = can_bind_early(tool.name) && !without_drop_ins;
  return usable && facts.platform.image_based.empty() ? tool.name : std::string();
}

// The rule of udev alone comes too late where the initramfs loads the driver, and where a twin or
// the processor's own graphics have the same one: udev looks at several devices at a time, and a
// driver that is loaded for one of them takes all.
void bind_early(const Facts& facts, const PciDevice& gpu, Preparation& all) {
  all.initramfs_tool = early_tool(facts);
  if (!all.initramfs_tool.empty()) {
    for (const PciDevice* function : functions_of(facts, gpu)) {
      all.early_devices.push_back({.address = to_text(function->address),
                                   .vendor_id = function->vendor_id,
                                   .device_id = function->device_id});
    }
    return;
  }
  const std::string driver = gpu.driver.value_or("");
  if (driver.empty() || driver == "vfio-pci") return;
  all.remarks.push_back(
      {N_("If the initramfs loads {driver}, that takes the GPU before the rule is read: keep it "
          "out of the initramfs, or put {rule} into it."),
       {{"driver", driver}, {"rule", path_of(HostFile::Udev)}}});
}

// For who has no other screen any more, after a change of the hardware. IMPORT alone is a rule of
// its own: one that fails to import does nothing else (udev(7)).
HostLine way_out() {
  static_assert(std::string_view(kNoEarlyBinding) == "cleave.early_binding=off");
  return {.file = HostFile::Udev,
          .line = R"(ACTION=="add", SUBSYSTEM=="pci", IMPORT{cmdline}="cleave.early_binding")",
          .reason = {N_("{word} in the boot menu leaves the card to the host for one start."),
                     {{"word", kNoEarlyBinding}}},
          .cost = {}};
}

Preparation binding(const Facts& facts, const PciDevice& gpu) {
  Preparation all;
  if (auto why = stays_with_driver(facts, gpu)) {
    all.remarks.push_back(*std::move(why));
    return all;
  }
  all.lines.push_back(way_out());
  for (const PciDevice* function : functions_of(facts, gpu)) {
    all.lines.push_back(bound_at_boot(*function, function->address == gpu.address));
  }
  bind_early(facts, gpu, all);
  return all;
}

// Of several values the last one counts, and the command line comes behind modprobe.d's
// (modprobe(8)): what is there stays, and does nothing any more.
Preparation vga_ranges(const Facts& facts, const PciDevice& gpu) {
  Preparation all;
  const bool taken = fails("passthrough.disable_vga", {.facts = facts, .gpu = &gpu});
  if (!is_igd(gpu) || (!taken && given_value(facts, "vfio-pci.disable_vga").empty())) return all;
  all.arguments.push_back(
      {.word = "vfio-pci.disable_vga=0",
       .reason = {N_("vfio-pci is told to take the VGA ranges away, which integrated graphics need "
                     "in a VM.")},
       .cost = {N_("Other GPUs that are handed to VMs keep their VGA ranges, too.")}});
  return all;
}

Result<Preparation> PassthroughWay::wants(const Facts& facts, const PciDevice& gpu,
                                          const Mode& /*mode*/) const {
  Preparation all = TRY(iommu_for(facts, gpu));
  merge(all, vga_ranges(facts, gpu));
  merge(all, vfio_pci_for(facts));
  merge(all, binding(facts, gpu));
  return all;
}

}  // namespace

const Way& passthrough_way() {
  static const PassthroughWay way;
  return way;
}

}  // namespace cleave
