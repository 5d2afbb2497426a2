// The VMs that use a GPU: their picture, their firmware, their rights. All of it advice: a VM that
// somebody else made is not cleave's to stop.
#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "analysis/rules/guests.h"
#include "base/text.h"

namespace cleave {
namespace {

// The ROM that brings an OpRegion of its own (patmagauran/i915ovmfPkg).
bool has_i915ovmf(const HostDevice& device) {
  return lower_case(device.rom_file).find("i915ovmf") != std::string::npos;
}

GuestAnswer ask_firmware_display(const Subject& subject, const GuestUse& use) {
  if (!is_gvt_g(subject, use)) return {};
  if (use.settings->firmware == GuestFirmware::Unknown) {
    return not_known("which firmware the VM has");
  }
  if (use.settings->firmware == GuestFirmware::SeaBios) return good("SeaBIOS");
  if (use.device->ramfb == true) return good("ramfb=on");
  if (!use.device->rom_file.empty()) return good("romfile=" + use.device->rom_file);
  const auto& emulated = use.settings->emulated_displays;
  if (!emulated.empty()) return good("a display beside it: " + emulated.front());
  return not_given(use, "OVMF, and neither ramfb=on nor romfile= nor another display");
}

GuestAnswer ask_opregion_rom(const Subject& subject, const GuestUse& use) {
  if (!is_gvt_g(subject, use) || !has_i915ovmf(*use.device)) return {};
  const std::string rom = "romfile=" + use.device->rom_file;
  if (use.device->opregion == false) return good(rom + ", x-igd-opregion=off");
  // On by default from QEMU 10.1 on (commit 16cbb433), for who asks since ever; together they
  // hang from 10.0 on.
  const bool is_asked = use.device->opregion == true;
  const auto hangs =
      qemu_bounds(subject.facts, use).is_at_least(is_asked ? Version{10, 0, 0} : Version{10, 1, 0});
  if (!hangs) return not_known(rom + ", and QEMU's version is not known");
  if (!*hangs) return good(rom + ", with an older QEMU");
  return bad(rom + (is_asked ? ", x-igd-opregion=on" : ", x-igd-opregion is on by default"));
}

GuestAnswer ask_opregion(const Subject& subject, const GuestUse& use) {
  if (!is_gvt_g(subject, use) || !use.settings->is_windows()) return {};
  if (use.device->opregion == true) return good("x-igd-opregion=on");
  if (use.device->opregion == false) return bad("x-igd-opregion=off");
  if (has_i915ovmf(*use.device)) return good("romfile=" + use.device->rom_file);
  const auto is_default = qemu_bounds(subject.facts, use).is_at_least({10, 1});
  if (!is_default) {
    return not_known("x-igd-opregion is not given, and QEMU's version is not known");
  }
  return *is_default ? good("x-igd-opregion is on by default")
                     : not_given(use, "x-igd-opregion is not given, and off by default");
}

GuestAnswer ask_display_opengl(const Subject& subject, const GuestUse& use) {
  if (!is_gvt_g(subject, use) || !is_shown(use)) return {};
  std::vector<std::string> kinds;
  for (const GuestDisplay& display : use.settings->displays) {
    if (display.gl) return good(display.kind + " with OpenGL");
    kinds.push_back(display.kind);
  }
  if (auto said = last_said(*use.machine, {"qemu.no_opengl"})) {
    return {.kind = OutcomeKind::Fail, .text = *said, .source = use.machine->said.source()};
  }
  const std::string shown = kinds.empty() ? "a window" : join(kinds, ", ");
  return not_given(use, "display=on, and no OpenGL: " + shown);
}

// QEMU draws by itself there; a window draws with what the desktop uses.
bool needs_render_node(const GuestDisplay& display) {
  return display.gl &&
         (display.kind == "spice" || display.kind == "egl-headless" || display.kind == "dbus");
}

bool is_node_of(const PciDevice& gpu, const std::vector<DrmCard>& cards, std::string_view node) {
  if (node.find("pci-" + to_text(gpu.address) + "-render") != std::string_view::npos) return true;
  const std::string_view name = node.substr(node.rfind('/') + 1);
  return std::ranges::any_of(cards, [&](const DrmCard& card) {
    return card.pci == gpu.address && !card.render_node.empty() && card.render_node == name;
  });
}

GuestAnswer ask_render_node(const Subject& subject, const GuestUse& use) {
  if (!is_gvt_g(subject, use) || !is_shown(use)) return {};
  const auto& displays = use.settings->displays;
  const auto display = std::ranges::find_if(displays, needs_render_node);
  if (display == displays.end()) return {};
  if (auto said =
          last_said(*use.machine, {"qemu.egl_node", "qemu.egl_initialise", "qemu.egl_render"})) {
    return {.kind = OutcomeKind::Fail, .text = *said, .source = use.machine->said.source()};
  }
  const auto& cards = subject.facts.drm_cards;
  if (const auto unread = missing(cards)) return not_known(unread->text, unread->source);
  const std::vector<DrmCard> known = cards.value_or({});
  const std::string seen = display->kind + ", rendernode=" + display->render_node;
  if (!display->render_node.empty()) {
    return is_node_of(*subject.gpu, known, display->render_node) ? good(seen)
                                                                 : bad(seen + " is not this GPU's");
  }
  const auto nodes =
      std::ranges::count_if(known, [](const DrmCard& card) { return !card.render_node.empty(); });
  if (nodes < 2) return good(display->kind + ", and one render node to choose from");
  return not_given(use, display->kind + " without rendernode=, and several GPUs");
}

GuestAnswer ask_picture_rate(const Subject& subject, const GuestUse& use) {
  if (!is_gvt_g(subject, use) || !is_shown(use)) return {};
  for (const GuestDisplay& display : use.settings->displays) {
    const bool is_slow =
        display.kind == "spice" || display.kind == "egl-headless" || display.kind == "dbus";
    if (is_slow) return bad("shown by " + display.kind);
  }
  return use.settings->displays.empty() ? good("shown in a window")
                                        : good("shown by " + use.settings->displays.front().kind);
}

GuestAnswer ask_mesa_tiles(const Subject& subject, const GuestUse& use) {
  if (!is_gvt_g(subject, use) || !is_shown(use) || use.machine->process_id == 0) return {};
  const Fact<std::string>& variable = use.machine->intel_debug;
  if (const auto unread = missing(variable)) return not_known(unread->text, unread->source);
  const std::string value = variable.value_or("");
  if (value.find("norbc") != std::string::npos) return good("INTEL_DEBUG=" + value);
  return bad("INTEL_DEBUG has no norbc");
}

GuestAnswer ask_two_displays(const Subject& subject, const GuestUse& use) {
  if (!is_gvt_g(subject, use) || !is_shown(use) || !use.settings->is_windows()) return {};
  const auto& emulated = use.settings->emulated_displays;
  if (emulated.empty()) return good("the vGPU is the only display");
  return bad("display=on, and " + emulated.front() + " beside it");
}

GuestAnswer ask_physical_function(const Subject& subject, const GuestUse& use) {
  if (use.share != GuestShare::Whole) return {};
  const PciDevice& gpu = *subject.gpu;
  if (const auto* devices = subject.facts.mediated_devices.value()) {
    const auto vgpu = std::ranges::find(*devices, to_text(gpu.address), &MediatedDevice::parent);
    if (vgpu != devices->end()) return bad("vGPU " + vgpu->uuid + " is of the same GPU");
  }
  const Fact<std::uint32_t>& functions = gpu.sriov_num_vfs;
  if (const auto unread = missing(functions); unread && !functions.source().empty()) {
    return not_known(unread->text, unread->source);
  }
  if (functions.value_or(0) == 0) return good("no virtual function of it exists");
  return bad("it is given away whole, and has " + std::to_string(functions.value_or(0)) +
             " virtual functions");
}

GuestAnswer ask_memory_lock(const Subject& /*subject*/, const GuestUse& use) {
  if (use.share != GuestShare::Vgpu || use.machine->process_id == 0) return {};
  const Fact<EffectiveMemoryLock>& limit = use.machine->memory_lock;
  if (const auto unread = missing(limit)) return not_known(unread->text, unread->source);
  if (limit.is_absent()) return not_known("absent", limit.source());
  if (!*limit.value()) return good("any amount may be locked");
  const std::uint64_t megabytes = **limit.value() >> 20U;
  const auto& memory = use.settings->memory_bytes;
  if (!memory) return not_known("how much memory the guest has");
  const std::string seen = std::to_string(megabytes) + " MB may be locked, the guest has " +
                           std::to_string(*memory >> 20U) + " MB";
  GuestAnswer answer = **limit.value() >= *memory ? good(seen) : bad(seen);
  answer.source = limit.source();
  return answer;
}

// Empty kind where no log of the VM was looked for.
GuestAnswer ask_said(const GuestUse& use, std::initializer_list<std::string_view> ids,
                     std::string_view part = {}) {
  const Fact<std::string>& said = use.machine->said;
  if (said.is_absent()) return {};
  if (const Unreadable* unread = said.unreadable()) return not_known(unread->why, unread->path);
  const auto last = last_said(*use.machine, ids);
  const bool is_it = last && last->find(part) != std::string::npos;
  return {.kind = is_it ? OutcomeKind::Fail : OutcomeKind::Pass,
          .text = is_it ? *last : "not said",
          .source = said.source()};
}

GuestAnswer ask_vfio_access(const Subject& /*subject*/, const GuestUse& use) {
  const std::initializer_list<std::string_view> ids = {"qemu.vfio_open", "qemu.vfio_open_old",
                                                       "qemu.vfio_could_not_open"};
  GuestAnswer answer = ask_said(use, ids, "not permitted");
  return answer.kind == OutcomeKind::Pass ? ask_said(use, ids, "denied") : answer;
}

GuestAnswer ask_qemu_log(const Subject& /*subject*/, const GuestUse& use) {
  return ask_said(use, {});
}

template <GuestAnswer (*Ask)(const Subject&, const GuestUse&)>
Outcome check(const Subject& subject) {
  return ask_guests(subject, Ask);
}

constexpr Rule kRules[] = {
    {.id = "guest.firmware_display",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("VMs with OVMF and a vGPU have something that shows the boot picture"),
     .why = N_("A vGPU of GVT-g has no ROM, so OVMF cannot draw on it: {vm} stays black until the "
               "guest's own driver starts."),
     .remedy = N_("Use -device vfio-pci-nohotplug,…,display=on,ramfb=on (libvirt: ramfb='on'), or "
                  "SeaBIOS, or a second display while you install."),
     .check = check<ask_firmware_display>},
    {.id = "guest.opregion_rom",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("VMs do not have both x-igd-opregion and the i915ovmf ROM"),
     .why = N_("From QEMU 10 on x-igd-opregion and the i915ovmf ROM together make one processor of "
               "{vm} run in circles, with a black screen. From QEMU 10.1 on x-igd-opregion is on "
               "where nothing is said."),
     .remedy = N_("Take the ROM away and use ramfb=on for the boot picture, or give "
                  "x-igd-opregion=off with the ROM."),
     .check = check<ask_opregion_rom>},
    {.id = "guest.opregion",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Windows VMs with a vGPU get the OpRegion (x-igd-opregion)"),
     .why = N_("Intel's Windows driver looks for the OpRegion and can stop with code 43 without "
               "it. QEMU before 10.1 gives it to {vm} only when it is asked to."),
     .remedy = N_("Add x-igd-opregion=on to the vGPU's -device, in libvirt by "
                  "<qemu:commandline>."),
     .check = check<ask_opregion>},
    {.id = "guest.display_opengl",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("VMs that show a vGPU's picture have a display with OpenGL"),
     .why = N_("The vGPU of {vm} hands over its picture as a DMABUF. Without OpenGL QEMU does not "
               "start: “vfio-display-dmabuf: opengl not available”."),
     .remedy = N_("Give it -display gtk,gl=on or egl-headless (libvirt: <gl enable='yes'/> or "
                  "<graphics type='egl-headless'/>); or display=off and a remote desktop."),
     .check = check<ask_display_opengl>},
    {.id = "guest.render_node",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("VMs draw their vGPU's picture with the GPU that the vGPU is of"),
     .why = N_("With several GPUs QEMU takes the first render node, which may be another maker's; "
               "then {vm} ends with “egl: no drm render node available” or shows nothing."),
     .remedy = N_("Name the node: rendernode=/dev/dri/by-path/pci-ADDRESS-render with this GPU's "
                  "address; QEMU's user must be in the group render."),
     .check = check<ask_render_node>},
    {.id = "guest.picture_rate",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("VMs show their vGPU's picture as often as it changes"),
     .why = N_("QEMU asks the vGPU for its picture, and over spice, D-Bus and egl-headless only "
               "every 30 ms: {vm} looks like 33 frames a second, however fast it draws."),
     .remedy = N_("For smooth motion use a local window (-display gtk,gl=on) or a stream from "
                  "inside the guest; with spice also image-compression=off."),
     .check = check<ask_picture_rate>},
    {.id = "guest.mesa_tiles",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("QEMU draws the vGPU's picture without Mesa's render compression"),
     .why = N_("With some versions of Mesa the picture of {vm} comes out as garbled tiles. Where "
               "you see none of them, all is well."),
     .remedy = N_("If you see garbled tiles, start QEMU with INTEL_DEBUG=norbc in its "
                  "environment."),
     .check = check<ask_mesa_tiles>},
    {.id = "guest.two_displays",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Windows VMs have the vGPU as their only display"),
     .why = N_("Beside an emulated display Windows in {vm} sees two screens, and puts windows on "
               "the one that you may not be looking at."),
     .remedy = N_("Once the driver is installed, take the emulated display away (-vga none; "
                  "libvirt: <model type='none'/>), and use ramfb=on for the boot picture."),
     .check = check<ask_two_displays>},
    {.id = "guest.physical_function_given_away",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("No VM takes the whole of a GPU that is shared"),
     .why = N_("{vm} takes the GPU itself, which its vGPUs and virtual functions depend on: they "
               "end when it starts, or it does not start."),
     .remedy = N_("Give that VM a virtual function or a vGPU, or give up sharing: remove them all "
                  "first."),
     .check = check<ask_physical_function>},
    {.id = "guest.memory_lock",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Running VMs with a vGPU may lock as much memory as their guest has"),
     .why = N_("The driver pins the guest pages that the vGPU uses. Beyond the limit of {vm} the "
               "kernel says “RLIMIT_MEMLOCK exceeded” and the guest's GPU hangs."),
     .remedy = N_("Raise the limit of the user who starts QEMU (LimitMEMLOCK=infinity for a "
                  "service, hard memlock in /etc/security/limits.d for a login), and start the VM "
                  "again."),
     .check = check<ask_memory_lock>},
    {.id = "guest.vfio_access",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("QEMU was allowed to open the VMs' VFIO devices"),
     .why = N_("QEMU of {vm} was refused its node below /dev/vfio: by its owner, by libvirt's "
               "device list or by AppArmor."),
     .remedy = N_("Give the VM's user the node by a udev rule (SUBSYSTEM==\"vfio\"); with libvirt "
                  "add it to cgroup_device_acl in /etc/libvirt/qemu.conf."),
     .check = check<ask_vfio_access>},
    {.id = "guest.qemu_log",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("QEMU reported no problem when the VMs were last started"),
     .why = N_("The log of {vm} has a message that QEMU gives when something does not work."),
     .remedy = N_("Let “cleave explain” read that log: it says what each line means and what to "
                  "do."),
     .check = check<ask_qemu_log>},
};

}  // namespace

std::span<const Rule> guest_rules() { return kRules; }

}  // namespace cleave
