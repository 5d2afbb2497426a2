// What the machine's QEMU programs can do with a shared GPU.
#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "analysis/rules/qemu_programs.h"
#include "base/text.h"

namespace cleave {
namespace {

Outcome check_present(const Subject& subject) {
  const Fact<std::vector<QemuProgram>>& programs = subject.facts.qemu.programs;
  if (const auto unread = missing(programs)) return Outcome::unknown({*unread});
  std::vector<Evidence> seen;
  for (const QemuProgram& program : programs.value_or({})) {
    const QemuAbilities* abilities = program.abilities.value();
    seen.push_back({program.path, abilities != nullptr ? qemu_name(*abilities) : "there"});
  }
  if (seen.empty()) return Outcome::fail({{programs.source(), "absent"}});
  return Outcome::pass(std::move(seen));
}

Outcome check_abilities_known(const Subject& subject) {
  const Fact<std::vector<QemuProgram>>& programs = subject.facts.qemu.programs;
  if (const auto unread = missing(programs)) return Outcome::unknown({*unread});
  std::vector<Evidence> known;
  std::vector<Evidence> unknown;
  for (const QemuProgram& program : programs.value_or({})) {
    if (const QemuAbilities* abilities = program.abilities.value()) {
      known.push_back({program.path, qemu_name(*abilities)});
    } else {
      unknown.push_back(missing(program.abilities).value_or(Evidence{program.path, "not asked"}));
    }
  }
  if (!unknown.empty()) return Outcome::fail(std::move(unknown));
  return known.empty() ? Outcome::not_applicable() : Outcome::pass(std::move(known));
}

// GVT-g hands its picture over as a DMABUF only (drivers/gpu/drm/i915/gvt/dmabuf.c), and QEMU
// shows one on displays with OpenGL only (hw/vfio/display.c).
Outcome check_vgpu_display(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  return ask_programs(
      subject,
      {.can = [](const QemuAbilities& qemu, const Subject&) { return qemu.has_vgpu_display(); },
       .say =
           [](const QemuAbilities& qemu, const Subject&) {
             const bool display = qemu.property("vfio-pci", "display") != nullptr;
             const std::string drawing = join(qemu.opengl_displays(), " ");
             return format("{}: {}, {}", qemu_name(qemu),
                           display ? "vfio-pci has display" : "vfio-pci without display",
                           drawing.empty() ? "no OpenGL display" : drawing);
           }});
}

// include/hw/display/ramfb.h; vfio-pci-nohotplug is the device that has it, since QEMU 3.1.
Outcome check_ramfb(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  return ask_programs(
      subject,
      {.can = [](const QemuAbilities& qemu, const Subject&) { return qemu.has_boot_display(); },
       .say =
           [](const QemuAbilities& qemu, const Subject&) {
             return format("{}: {}", qemu_name(qemu),
                           qemu.has_boot_display() ? "vfio-pci-nohotplug has ramfb"
                                                   : "no vfio-pci-nohotplug with ramfb");
           }});
}

// The OpRegion tells a guest's driver which outputs there are. On by default from QEMU 10.1
// (commit 16cbb433, “vfio/igd: Enable OpRegion by default”): the property's default tells.
Outcome check_opregion(const Subject& subject) {
  if (subject.gpu->vendor_id != kIntelVendorId) return Outcome::not_applicable();
  return ask_programs(
      subject,
      {.can = [](const QemuAbilities& qemu,
                 const Subject&) { return qemu.property("vfio-pci", "x-igd-opregion") != nullptr; },
       .say =
           [](const QemuAbilities& qemu, const Subject&) {
             const bool there = qemu.property("vfio-pci", "x-igd-opregion") != nullptr;
             const char* state = !there ? "no x-igd-opregion"
                                 : qemu.gives_opregion()
                                     ? "x-igd-opregion is on by default"
                                     : "x-igd-opregion is off unless it is given";
             return format("{}: {}", qemu_name(qemu), state);
           }});
}

// An Intel GPU of the processor: those on cards are ordinary devices to QEMU.
const IntelGpu* integrated_gpu(const Subject& subject) {
  if (subject.gpu->address.domain != 0 || subject.gpu->address.bus != 0) return nullptr;
  return intel_gpu(*subject.gpu);
}

constexpr Version kTenZero = {.major = 10, .minor = 0, .micro = 0};
constexpr Version kTenOne = {.major = 10, .minor = 1, .micro = 0};

// hw/vfio/igd.c of QEMU 10.0: generations 6 to 12 by id, without Meteor Lake and later; from 10.1
// every generation that has an OpRegion (commits 7969cf46, c0273e77).
bool is_known_to_ten_zero(const IntelGpu& gpu) {
  const std::string_view platform = gpu.platform;
  return gpu.graphics_version >= 6 && gpu.graphics_version <= 12 && platform != "Meteor Lake" &&
         platform != "Arrow Lake";
}

// Before 10.0 there is no x-igd-legacy-mode: the mode comes with the GPU at 00:02.0 of an i440fx,
// and its ids are those of that time. From 10.1 generations 6 to 9 only (commit dd69d846).
bool has_legacy_mode(const QemuAbilities& qemu, const IntelGpu& gpu) {
  const bool has_firmware = gpu.graphics_version >= 6 && gpu.graphics_version <= 9;
  if (qemu.property("vfio-pci", "x-igd-opregion") == nullptr) return false;
  if (qemu.version >= kTenZero && qemu.version < kTenOne) return is_known_to_ten_zero(gpu);
  return has_firmware;
}

bool has_uefi_mode(const QemuAbilities& qemu, const IntelGpu& gpu) {
  if (qemu.property("vfio-pci", "x-igd-legacy-mode") == nullptr) return false;
  return qemu.version >= kTenOne || is_known_to_ten_zero(gpu);
}

std::string igd_text(const QemuAbilities& qemu, const Subject& subject) {
  const bool chooses = qemu.property("vfio-pci", "x-igd-legacy-mode") != nullptr;
  return format("{}: {}, {}", qemu_name(qemu),
                chooses ? "x-igd-legacy-mode is there" : "no x-igd-legacy-mode",
                integrated_gpu(subject)->platform);
}

Outcome check_igd_legacy(const Subject& subject) {
  if (integrated_gpu(subject) == nullptr) return Outcome::not_applicable();
  return ask_programs(subject, {.can =
                                    [](const QemuAbilities& qemu, const Subject& about) {
                                      return has_legacy_mode(qemu, *integrated_gpu(about));
                                    },
                                .say = igd_text});
}

Outcome check_igd_uefi(const Subject& subject) {
  if (integrated_gpu(subject) == nullptr) return Outcome::not_applicable();
  return ask_programs(subject, {.can =
                                    [](const QemuAbilities& qemu, const Subject& about) {
                                      return has_uefi_mode(qemu, *integrated_gpu(about));
                                    },
                                .say = igd_text});
}

constexpr Rule kRules[] = {
    {.id = "qemu.present",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("There is a QEMU for x86-64 guests"),
     .why = N_("QEMU is the program that runs a virtual machine, whichever way its GPU is shared. "
               "None was found in /usr/bin, /usr/local/bin, /usr/libexec or /opt/*/bin."),
     .remedy = N_("Install it: package qemu-system-x86 (and qemu-system-gui for its windows) on "
                  "Debian and Ubuntu, qemu-kvm on Fedora, qemu-desktop on Arch."),
     .check = check_present},
    {.id = "qemu.abilities_known",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("It is known what QEMU can do"),
     .why = N_("Which displays and devices QEMU has depends on its version and on how it was "
               "built. cleave doctor starts no program; what a QEMU answered once is kept, until "
               "that program or its modules change."),
     .remedy = N_("Ask it: cleave qemu list (a second or less). For sudo cleave doctor ask as "
                  "root: sudo cleave qemu list; those answers serve everybody."),
     .check = check_abilities_known},
    {.id = "qemu.vgpu_display",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("QEMU can show the picture of a vGPU"),
     .why = N_("GVT-g hands over its picture as a DMABUF. QEMU needs display=on for it and a "
               "display with OpenGL: gtk, sdl, dbus, spice-app or egl-headless."),
     .remedy = N_(
         "Install QEMU's displays: qemu-system-gui on Debian and Ubuntu (from Debian 13 and Ubuntu "
         "24.04 on qemu-system-modules-opengl, too), qemu-ui-gtk and "
         "qemu-ui-opengl on Fedora, qemu-ui-gtk on Arch. Or look at the guest over the "
         "network, with display = false in its definition."),
     .check = check_vgpu_display},
    {.id = "qemu.ramfb",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("QEMU can show a picture before the guest's GPU driver runs"),
     .why = N_("A vGPU has no firmware of its own: until the guest's driver runs, the screen stays "
               "black. With vfio-pci-nohotplug,ramfb=on QEMU shows what UEFI and the installer "
               "draw in memory."),
     .remedy = N_("Use QEMU 3.1 or newer with its ramfb device; some distributions build it "
                  "without. Or give the guest a second display (-device VGA) while it is "
                  "installed."),
     .check = check_ramfb},
    {.id = "qemu.opregion",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("QEMU can hand the OpRegion of an Intel GPU to the guest"),
     .why = N_("Intel's Windows driver wants the OpRegion, or ends in Code 43. Up to QEMU 10.0 it "
               "comes only with x-igd-opregion=on, from 10.1 on by itself. With the ROM "
               "i915ovmf.rom, QEMU 10 and newer were seen to hang with it: use one of the two."),
     .remedy = N_("Use a QEMU that was built with support for Intel's GPUs (vfio-pci has "
                  "x-igd-opregion): that of Debian, Ubuntu, Fedora or Arch."),
     .check = check_opregion},
    {.id = "qemu.igd_legacy",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("QEMU can hand over the whole GPU with its VGA BIOS (legacy mode)"),
     .why = N_("In legacy mode the GPU is the guest's first display from the start: machine pc "
               "(i440fx), SeaBIOS, GPU at 00:02.0. Up to QEMU 9.2 and from 10.1 on this is for "
               "graphics of generation 6 to 9 (Sandy Bridge to Comet Lake); 10.0 tries it up to "
               "generation 12."),
     .remedy = N_("For newer graphics boot the guest with UEFI: q35, OVMF, and an option ROM for "
                  "that generation. See qemu.igd_uefi."),
     .check = check_igd_legacy},
    {.id = "qemu.igd_uefi",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("QEMU can hand over the whole GPU to a guest with UEFI"),
     .why = N_("For q35 and UEFI the legacy mode must be switched off (x-igd-legacy-mode=off), "
               "which QEMU 10.0 brought, for graphics up to generation 12; from 10.1 on it works "
               "with Meteor Lake and newer, too. OVMF needs an option ROM for the GPU as well."),
     .remedy = N_("Use QEMU 10.1 or newer (from the distribution's backports, or built into "
                  "/opt/qemu, where cleave finds it), or legacy mode with SeaBIOS on older "
                  "graphics."),
     .check = check_igd_uefi},
};

}  // namespace

std::span<const Rule> qemu_rules() { return kRules; }

}  // namespace cleave
