// What the systems inside VMs need of their settings: Windows on a vGPU or a virtual function, and
// a whole Intel GPU with its firmware.
#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "analysis/rules/guests.h"
#include "analysis/seen_messages.h"
#include "base/text.h"

namespace cleave {
namespace {

GuestAnswer ask_windows_driver(const Subject& subject, const GuestUse& use) {
  if (!is_gvt_g(subject, use) || !use.settings->is_windows()) return {};
  if (auto said = last_said(*use.machine, {"qemu.vfio_region_write", "qemu.vfio_region_read"})) {
    return {.kind = OutcomeKind::Fail, .text = *said, .source = use.machine->said.source()};
  }
  if (subject.log != nullptr) {
    const SeenMessage* seen = subject.log->first_of(
        {"log.gvt_failsafe", "log.gvt_failsafe_driver", "log.gvt_failsafe_internal",
         "log.gvt_failsafe_internal_old", "log.gvt_unknown_command", "log.gvt_command_parser",
         "log.gvt_page_write", "log.gvt_shadow_page"});
    if (seen != nullptr) {
      return {.kind = OutcomeKind::Fail,
              .text = seen->text,
              .source = subject.facts.kernel_log.source()};
    }
    if (subject.log->whole && use.machine->process_id != 0) {
      return {.kind = OutcomeKind::Pass,
              .text = "it runs, and GVT-g refused nothing since the start",
              .source = subject.facts.kernel_log.source()};
    }
  }
  return not_known("the driver inside the guest cannot be seen from here");
}

// Windows on a virtual function of an Intel GPU.
bool is_windows_on_function(const Subject& subject, const GuestUse& use) {
  return use.share == GuestShare::Function && subject.gpu->vendor_id == kIntelVendorId &&
         use.settings->is_windows();
}

GuestAnswer ask_hypervisor_hidden(const Subject& subject, const GuestUse& use) {
  if (!is_windows_on_function(subject, use)) return {};
  if (use.settings->cpu.hypervisor == false) return bad("hypervisor=off");
  // kvm=off hides KVM's name alone; Intel's own definitions have it.
  return good(use.settings->cpu.kvm == false ? "kvm=off alone" : "not hidden");
}

GuestAnswer ask_vendor_id(const Subject& subject, const GuestUse& use) {
  if (!is_windows_on_function(subject, use)) return {};
  const auto& vendor = use.settings->cpu.hyperv_vendor_id;
  if (vendor && !vendor->empty()) return good("hv_vendor_id is given");
  return not_given(use, "hv_vendor_id is not given");
}

GuestAnswer ask_cpu_model(const Subject& subject, const GuestUse& use) {
  if (!is_windows_on_function(subject, use)) return {};
  const std::string& model = use.settings->cpu.model;
  if (model == "host" || model == "max") return good("-cpu " + model);
  return not_given(use, model.empty() ? "no CPU model is given" : "-cpu " + model);
}

GuestAnswer ask_rom_for_function(const Subject& subject, const GuestUse& use) {
  if (!is_windows_on_function(subject, use)) return {};
  if (!use.device->rom_file.empty()) return good("romfile=" + use.device->rom_file);
  return not_given(use, "romfile= is not given");
}

// Models that pass the host's features on; every other has vmx and svm only where they are asked
// for (target/i386/cpu.c).
bool passes_features_on(const std::string& model) {
  return model == "host" || model == "max" || model == "host-model";
}

GuestAnswer ask_nested(const Subject& subject, const GuestUse& use) {
  if (!is_windows_on_function(subject, use)) return {};
  const GuestCpu& cpu = use.settings->cpu;
  if (cpu.virtualisation == false) return good("vmx=off");
  if (cpu.virtualisation != true && !passes_features_on(cpu.model)) {
    return good("-cpu " + cpu.model + " has no vmx");
  }
  const ParameterState nested = module_parameter(subject.facts, "kvm_intel", "nested");
  if (!nested.value && !nested.certain) {
    return not_known(nested.evidence.text, nested.evidence.source);
  }
  // The default since Linux 4.20 (arch/x86/kvm/vmx/vmx.c).
  if (nested.value && !is_kernel_true(*nested.value)) return good("kvm_intel.nested=N");
  return not_given(use, "the guest's CPU has vmx");
}

bool is_whole_intel(const Subject& subject, const GuestUse& use) {
  return use.share == GuestShare::Whole && subject.gpu->vendor_id == kIntelVendorId &&
         subject.gpu->address == PciAddress{0, 0, 2, 0};
}

GuestAnswer ask_igd_firmware(const Subject& subject, const GuestUse& use) {
  if (!is_whole_intel(subject, use)) return {};
  switch (use.settings->firmware) {
    case GuestFirmware::Unknown:
      return not_known("which firmware the VM has");
    case GuestFirmware::Ovmf:
      if (!use.device->rom_file.empty()) return good("romfile=" + use.device->rom_file);
      return not_given(use, "OVMF, and romfile= is not given");
    case GuestFirmware::SeaBios:
      break;
  }
  const IntelGpu* known = intel_gpu(*subject.gpu);
  if (known == nullptr) return not_known("which generation the GPU is");
  // SeaBIOS prepares the GPUs before Ice Lake (docs/igd-assign.txt of QEMU).
  constexpr std::uint32_t kIceLake = 11;
  return known->graphics_version < kIceLake
             ? good("SeaBIOS")
             : bad(std::string("SeaBIOS does not know ") + known->platform);
}

GuestAnswer ask_igd_legacy_mode(const Subject& subject, const GuestUse& use) {
  if (!is_whole_intel(subject, use) || use.device->legacy_mode != true) return {};
  const QemuBounds qemu = qemu_bounds(subject.facts, use);
  const bool is_q35 = use.settings->machine.find("q35") != std::string::npos;
  if (is_q35) {
    // Before 10.0 the LPC bridge at 1f.0, which every q35 has, is in the way.
    const auto works = qemu.is_at_least({10, 0});
    if (!works) return not_known("q35, and QEMU's version is not known");
    if (!*works) return bad("x-igd-legacy-mode=on with q35");
  }
  const IntelGpu* known = intel_gpu(*subject.gpu);
  if (known == nullptr) return not_known("which generation the GPU is");
  // From 10.1 on generations 6 to 9 alone (QEMU commit dd69d846).
  constexpr std::uint32_t kLastGeneration = 9;
  if (known->graphics_version <= kLastGeneration) return good("x-igd-legacy-mode=on");
  const auto is_narrow = qemu.is_at_least({10, 1});
  if (!is_narrow) return not_known("QEMU's version is not known");
  return *is_narrow ? bad(std::string("x-igd-legacy-mode=on with ") + known->platform)
                    : good("x-igd-legacy-mode=on");
}

template <GuestAnswer (*Ask)(const Subject&, const GuestUse&)>
Outcome check(const Subject& subject) {
  return ask_guests(subject, Ask);
}

constexpr Rule kRules[] = {
    {.id = "guest.windows_driver",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("GVT-g refused nothing that the driver in a Windows VM wanted"),
     .why =
         N_("Users report that Intel's Windows drivers 25.20.100.6374 to 6471 and 26.20.100.7261 "
            "work with GVT-g, and that 25.20.100.6519, 26.20.100.7985 and 27.20.100.9030 crash "
            "or hang. Which one {vm} has cannot be seen from here."),
     .remedy = N_("Stop the VM, start it with an emulated display (-vga std), and install Intel's "
                  "driver 25.20.100.6471 or 6448 in Windows; keep Windows Update from replacing "
                  "it."),
     .check = check<ask_windows_driver>},
    {.id = "guest.hypervisor_hidden",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Windows VMs with a virtual function know that they are VMs"),
     .why = N_("Intel's driver starts on a virtual function only if it sees a hypervisor: hidden "
               "from {vm}, it stops with code 43."),
     .remedy = N_("Take hypervisor=off (-hypervisor) out of -cpu; in libvirt the feature "
                  "hypervisor with policy='disable'."),
     .check = check<ask_hypervisor_hidden>},
    {.id = "guest.vendor_id",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Windows VMs with a virtual function have a Hyper-V vendor id"),
     .why = N_("Users got rid of code 43 by giving Windows a Hyper-V vendor id; {vm} has none."),
     .remedy = N_("If Windows shows code 43, add hv_vendor_id=GenuineIntel to -cpu (libvirt: "
                  "<vendor_id state='on' value='GenuineIntel'/> in <hyperv>)."),
     .check = check<ask_vendor_id>},
    {.id = "guest.cpu_model",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Windows VMs with a virtual function see the real processor (-cpu host)"),
     .why = N_("Intel's driver looks at the processor that the GPU is part of. With another CPU "
               "model {vm} can end up with code 43."),
     .remedy = N_("Use -cpu host (libvirt: mode='host-passthrough'; Proxmox VE: cpu: host)."),
     .check = check<ask_cpu_model>},
    {.id = "guest.rom_for_function",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Windows VMs get a GOP ROM with their virtual function (romfile)"),
     .why =
         N_("With a GOP ROM for the virtual function Intel's Windows driver starts, whatever its "
            "version is. Without it some versions stop with code 43; others work, as on Arrow "
            "Lake."),
     .remedy = N_("If {vm} shows code 43, extract the GOP driver from the machine's firmware and "
                  "give it as romfile=."),
     .check = check<ask_rom_for_function>},
    {.id = "guest.nested_virtualisation",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Windows VMs with a virtual function cannot start a hypervisor of their own"),
     .why =
         N_("Hyper-V, WSL 2 and memory integrity (on by default in Windows 11 24H2) make Windows "
            "itself a guest; then Intel's driver for the virtual function of {vm} stops with "
            "code 43."),
     .remedy = N_("Take virtualisation from the guest (-cpu host,vmx=off; libvirt: feature vmx "
                  "with policy='disable'), or switch these features off in Windows."),
     .check = check<ask_nested>},
    {.id = "guest.igd_firmware",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("VMs with the whole Intel GPU have firmware that prepares it"),
     .why = N_("OVMF does not prepare an Intel GPU without an option ROM for that, and SeaBIOS "
               "knows only those before Ice Lake: {vm} shows nothing, and Windows says code 43."),
     .remedy = N_("With OVMF give romfile= with a ROM made for this generation (VfioIgdPkg, or one "
                  "with Intel's GOP driver); x-igd-opregion=on belongs to it."),
     .check = check<ask_igd_firmware>},
    {.id = "guest.igd_legacy_mode",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("VMs use the legacy mode of Intel GPUs only where QEMU has it"),
     .why = N_("QEMU before 10.0 has the legacy mode of Intel GPUs with the machine pc alone, QEMU "
               "from 10.1 on for GPUs up to Comet Lake alone: {vm} does not start so."),
     .remedy = N_("Use x-igd-legacy-mode=off with x-igd-opregion=on and a ROM, or the machine pc "
                  "with the GPU at 02.0."),
     .check = check<ask_igd_legacy_mode>},
};

}  // namespace

std::span<const Rule> guest_system_rules() { return kRules; }

}  // namespace cleave
