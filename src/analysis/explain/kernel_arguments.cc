// Texts and values: Documentation/admin-guide/kernel-parameters.txt, drivers/iommu/intel/iommu.c
// (intel_iommu_setup), drivers/gpu/drm/i915/i915_params.c, drivers/gpu/drm/xe/xe_module.c.
#include "analysis/explain/kernel_arguments.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

// An argument that matters for sharing a GPU.
struct ArgumentNote {
  const char* id;
  const char* name;
  const char* value;  // one of the values between commas; null: whatever it is
  Severity severity;
  const char* meaning;  // N_; may have {value}
  const char* action = "";
};

constexpr ArgumentNote kNotes[] = {
    {.id = "argument.intel_iommu_on",
     .name = "intel_iommu",
     .value = "on",
     .severity = Severity::Good,
     .meaning =
         N_("Asks for VT-d, Intel's IOMMU: needed for SR-IOV and whole devices, not for GVT-g.")},
    {.id = "argument.intel_iommu_off",
     .name = "intel_iommu",
     .value = "off",
     .severity = Severity::Warning,
     .meaning = N_("Switches Intel's IOMMU off: no SR-IOV and no whole device for a VM. GVT-g "
                   "works without."),
     .action = N_("For these: take it off the command line.")},
    {.id = "argument.igfx_off",
     .name = "intel_iommu",
     .value = "igfx_off",
     .severity = Severity::Note,
     .meaning = N_("Leaves the GPU out of the IOMMU: fine for GVT-g, and a cure for flicker; the "
                   "GPU cannot be handed over as a whole or by SR-IOV."),
     .action = N_("Take it away only for SR-IOV or the whole GPU.")},
    {.id = "argument.intgpu_off",
     .name = "intel_iommu",
     .value = "intgpu_off",
     .severity = Severity::Note,
     .meaning = N_("Debian's word: the IOMMU does not translate for the integrated GPU, which "
                   "keeps its group.")},
    {.id = "argument.sm_on",
     .name = "intel_iommu",
     .value = "sm_on",
     .severity = Severity::Note,
     .meaning = N_("Asks for the IOMMU's scalable mode. Nothing for sharing a GPU depends on it.")},
    {.id = "argument.amd_iommu_off",
     .name = "amd_iommu",
     .value = "off",
     .severity = Severity::Warning,
     .meaning = N_("Switches AMD's IOMMU off: no whole device can be given to a VM."),
     .action = N_("To give a device to a VM: take it off the command line.")},
    {.id = "argument.amd_iommu_on",
     .name = "amd_iommu",
     .value = "on",
     .severity = Severity::Harmless,
     .meaning = N_("Not a value that the kernel knows: AMD's IOMMU is on by itself.")},
    {.id = "argument.iommu_pt",
     .name = "iommu",
     .value = "pt",
     .severity = Severity::Good,
     .meaning = N_("The host's drivers use real addresses, which is faster; VMs stay separated. It "
                   "does not switch the IOMMU on.")},
    {.id = "argument.iommu_off",
     .name = "iommu",
     .value = "off",
     .severity = Severity::Warning,
     .meaning = N_("Switches every IOMMU off."),
     .action = N_("To give a device to a VM: take it off the command line.")},
    {.id = "argument.iommu_soft",
     .name = "iommu",
     .value = "soft",
     .severity = Severity::Warning,
     .meaning = N_("Uses no IOMMU but copies memory instead."),
     .action = N_("To give a device to a VM: take it off the command line.")},
    {.id = "argument.intremap_off",
     .name = "intremap",
     .value = "off",
     .severity = Severity::Warning,
     .meaning = N_("Switches interrupt remapping off: VFIO then refuses devices."),
     .action = N_("Take it off the command line.")},
    {.id = "argument.enable_gvt",
     .name = "i915.enable_gvt",
     .value = "1",
     .severity = Severity::Good,
     .meaning = N_("Asks for GVT-g. It works on Intel GPUs from Broadwell to Comet Lake only.")},
    {.id = "argument.enable_gvt_off",
     .name = "i915.enable_gvt",
     .value = "0",
     .severity = Severity::Warning,
     .meaning = N_("Switches GVT-g off."),
     .action = N_("For GVT-g: i915.enable_gvt=1.")},
    {.id = "argument.enable_guc_off",
     .name = "i915.enable_guc",
     .value = "0",
     .severity = Severity::Good,
     .meaning = N_("Keeps the GuC firmware out: right for GVT-g, and rules SR-IOV out.")},
    {.id = "argument.enable_guc_1",
     .name = "i915.enable_guc",
     .value = "1",
     .severity = Severity::Note,
     .meaning = N_("Lets the GuC firmware schedule: GVT-g does not work with it."),
     .action = N_("For GVT-g: i915.enable_guc=0.")},
    {.id = "argument.enable_guc_2",
     .name = "i915.enable_guc",
     .value = "2",
     .severity = Severity::Note,
     .meaning = N_("Loads the firmware for video only. With GVT-g some hosts froze with it."),
     .action = N_("For GVT-g: i915.enable_guc=0.")},
    {.id = "argument.enable_guc_3",
     .name = "i915.enable_guc",
     .value = "3",
     .severity = Severity::Note,
     .meaning = N_("Lets the GuC firmware schedule and loads the one for video: needed for SR-IOV "
                   "with i915-sriov-dkms, and GVT-g does not work with it."),
     .action = N_("For GVT-g: i915.enable_guc=0.")},
    {.id = "argument.i915_max_vfs",
     .name = "i915.max_vfs",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning = N_("How many virtual functions i915-sriov-dkms may make ({value}). The kernel's "
                   "own i915 does not know this argument.")},
    {.id = "argument.xe_max_vfs",
     .name = "xe.max_vfs",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning = N_("How many virtual functions the driver xe may make ({value}); 0 means none.")},
    {.id = "argument.xe_force_probe",
     .name = "xe.force_probe",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning = N_("Makes the driver xe take the GPU {value}, which it would leave to i915.")},
    {.id = "argument.i915_force_probe",
     .name = "i915.force_probe",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning = N_("Makes the driver i915 take (or, with !, leave) the GPU {value}.")},
    {.id = "argument.i915_modeset",
     .name = "i915.modeset",
     .value = "0",
     .severity = Severity::Warning,
     .meaning = N_("Keeps i915 from the GPU: no GVT-g, no SR-IOV, no fast picture."),
     .action = N_("Take it off the command line.")},
    {.id = "argument.enable_psr",
     .name = "i915.enable_psr",
     .value = "0",
     .severity = Severity::Harmless,
     .meaning = N_("Switches a power-saving feature of the panel off, against flicker.")},
    {.id = "argument.nomodeset",
     .name = "nomodeset",
     .value = nullptr,
     .severity = Severity::Warning,
     .meaning = N_("Keeps the GPU's drivers away: nothing can be shared."),
     .action = N_("Take it off the command line.")},
    {.id = "argument.module_blacklist",
     .name = "module_blacklist",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning = N_("Forbids the modules {value}.")},
    {.id = "argument.modprobe_blacklist",
     .name = "modprobe.blacklist",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning = N_("Keeps the modules {value} from being loaded by themselves.")},
    {.id = "argument.vfio_ids",
     .name = "vfio-pci.ids",
     .value = nullptr,
     .severity = Severity::Warning,
     .meaning = N_("vfio-pci takes every device {value} from its driver. For the whole GPU only: "
                   "GVT-g and SR-IOV need the GPU's own driver."),
     .action = N_("For GVT-g or SR-IOV: take the GPU's id out.")},
    {.id = "argument.vfio_disable_vga",
     .name = "vfio-pci.disable_vga",
     .value = "1",
     .severity = Severity::Note,
     .meaning = N_("Takes the old VGA addresses from devices given to VMs; an Intel GPU given as a "
                   "whole needs them.")},
    {.id = "argument.vfio_unsafe",
     .name = "vfio_iommu_type1.allow_unsafe_interrupts",
     .value = "1",
     .severity = Severity::Warning,
     .meaning = N_("Lets VMs have devices without interrupt remapping: a malicious guest could "
                   "attack the host.")},
    {.id = "argument.efifb_off",
     .name = "video",
     .value = "efifb:off",
     .severity = Severity::Note,
     .meaning = N_("Keeps the firmware's picture from holding the GPU's memory (older kernels).")},
    {.id = "argument.sysfb_init",
     .name = "initcall_blacklist",
     .value = "sysfb_init",
     .severity = Severity::Note,
     .meaning = N_("Keeps the firmware's picture from holding the GPU's memory.")},
    {.id = "argument.acs_override",
     .name = "pcie_acs_override",
     .value = nullptr,
     .severity = Severity::Warning,
     .meaning = N_("Splits IOMMU groups that the hardware does not separate; only patched kernels "
                   "know it. An integrated GPU does not need it.")},
    {.id = "argument.ignore_msrs",
     .name = "kvm.ignore_msrs",
     .value = "1",
     .severity = Severity::Note,
     .meaning = N_("KVM answers 0 for registers that it does not have: Windows with Intel's driver "
                   "on GVT-g needs that.")},
    {.id = "argument.report_ignored_msrs",
     .name = "kvm.report_ignored_msrs",
     .value = "0",
     .severity = Severity::Harmless,
     .meaning = N_("Keeps these registers out of the log.")},
    {.id = "argument.split_lock_off",
     .name = "split_lock_detect",
     .value = "off",
     .severity = Severity::Note,
     .meaning = N_("Does not brake guests that use slow locks.")},
    {.id = "argument.lockdown_argument",
     .name = "lockdown",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning =
         N_("Locks the kernel down ({value}): no unsigned modules, no raw access to memory.")},
    {.id = "argument.sig_enforce",
     .name = "module.sig_enforce",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning = N_(
         "Refuses modules without a known signature; those built by DKMS need an enrolled key.")},
    {.id = "argument.nested_intel",
     .name = "kvm-intel.nested",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning = N_("Whether VMs may run VMs of their own ({value}).")},
    {.id = "argument.nested_amd",
     .name = "kvm-amd.nested",
     .value = nullptr,
     .severity = Severity::Note,
     .meaning = N_("Whether VMs may run VMs of their own ({value}).")},
};

bool same_name(std::string_view left, std::string_view right) {
  const auto folded = [](char letter) { return letter == '-' ? '_' : letter; };
  return std::ranges::equal(left, right, {}, folded, folded);
}

bool applies(const ArgumentNote& note, const KernelArgument& argument) {
  if (!same_name(note.name, argument.name)) return false;
  if (note.value == nullptr) return true;
  std::string_view value = argument.value ? std::string_view(*argument.value) : "1";
  // The kernel's own words for a switch (lib/kstrtox.c, kstrtobool); "on" of intel_iommu stays.
  if (argument.value && std::string_view(note.name).find('.') != std::string_view::npos) {
    if (value == "Y" || value == "y") value = "1";
    if (value == "N" || value == "n") value = "0";
  }
  return std::ranges::any_of(split(value, ','),
                             [&note](std::string_view part) { return part == note.value; });
}

}  // namespace

bool matters(const KernelArgument& argument) {
  return std::ranges::any_of(
      kNotes, [&argument](const ArgumentNote& note) { return applies(note, argument); });
}

void annotate_arguments(std::string_view command_line, std::size_t line,
                        std::vector<Annotation>& annotations) {
  for (const KernelArgument& argument : parse_kernel_command_line(command_line).arguments) {
    for (const ArgumentNote& note : kNotes) {
      if (!applies(note, argument)) continue;
      const std::vector<Field> fields = {{"argument", argument.name},
                                         {"value", printable(argument.value.value_or(""))}};
      annotations.push_back({.line = line,
                             .id = note.id,
                             .severity = note.severity,
                             .meaning = {note.meaning, fields},
                             .action = *note.action == 0 ? Message() : Message(note.action, fields),
                             .arguments = fields});
    }
  }
}

}  // namespace cleave
