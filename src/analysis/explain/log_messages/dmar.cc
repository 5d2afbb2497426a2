// Whether Intel's IOMMU works, and what it leaves out. Texts: drivers/iommu/intel/iommu.c and
// dmar.c, drivers/iommu/iommu.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr const char* kToQuirk =
    N_("For GVT-g nothing. For SR-IOV or the whole GPU: a kernel without this list; no kernel "
       "argument takes it back.");
constexpr const char* kToBiosup = N_("Look for a firmware update of the machine's maker.");

constexpr LogMessage kMessages[] = {
    {.id = "log.dmar_parameter_on",
     .pattern = "DMAR: IOMMU enabled",
     .severity = Severity::Note,
     .meaning =
         N_("Only that intel_iommu=on was read on the command line; not yet that the IOMMU works."),
     .action = N_("To be sure, look whether the GPU has an IOMMU group: cleave doctor shows it.")},
    {.id = "log.dmar_parameter_off",
     .pattern = "DMAR: IOMMU disabled",
     .severity = Severity::Warning,
     .meaning = N_("The command line switches the IOMMU off."),
     .action = N_("For SR-IOV or a whole device: intel_iommu=on on the kernel's command line. "
                  "GVT-g needs no IOMMU.")},
    {.id = "log.dmar_gfx_parameter",
     .pattern = "Disable GFX device mapping",
     .severity = Severity::Note,
     .meaning = N_("The command line has igfx_off: the IOMMU leaves the GPU alone. Harmless for "
                   "GVT-g; the GPU has no IOMMU group."),
     .action = N_("For GVT-g nothing. For SR-IOV or the whole GPU: take igfx_off off the kernel's "
                  "command line.")},
    {.id = "log.dmar_graphics_excluded",
     .pattern = "Disabling IOMMU for graphics on this chipset",
     .severity = Severity::Warning,
     .meaning = N_("A list in this kernel keeps the GPU out of the IOMMU. Harmless for GVT-g; the "
                   "GPU as a whole, or by SR-IOV, cannot be given to a VM."),
     .action = kToQuirk},
    {.id = "log.dmar_graphics_kept",
     .pattern = "Skip IOMMU disabling for graphics",
     .severity = Severity::Harmless,
     // quirk_igfx_skip_te_disable(): only about switching off again; printed without an IOMMU, too.
     .meaning = N_("A workaround for newer GPUs: the kernel does not switch their IOMMU unit off "
                   "again. Not the line “Disabling IOMMU for graphics”; it does not tell whether "
                   "the IOMMU is on.")},
    {.id = "log.dmar_no_shadow_gtt",
     .pattern = "BIOS has allocated no shadow GTT; disabling IOMMU for graphics",
     .severity = Severity::Warning,
     .meaning = N_("The firmware set aside no second graphics table, so the kernel keeps this old "
                   "GPU out of the IOMMU."),
     .action = N_("Only the firmware can change that: more graphics memory in its setup, or an "
                  "update.")},
    {.id = "log.dmar_ironlake_flush",
     .pattern = "Disabling batched IOTLB flush on Ironlake",
     .severity = Severity::Harmless,
     .meaning = N_("A workaround for Intel graphics of 2010: a little slower, nothing else.")},
    {.id = "log.dmar_on",
     .pattern = "Intel(R) Virtualization Technology for Directed I/O",
     .severity = Severity::Good,
     .meaning = N_("The IOMMU (VT-d) is on and works.")},
    {.id = "log.dmar_opt_in",
     .pattern = "Intel-IOMMU force enabled due to platform opt in",
     .severity = Severity::Good,
     .meaning = N_("The firmware asked for the IOMMU to protect outside ports, and the kernel "
                   "switches it on without intel_iommu=on.")},
    {.id = "log.dmar_failed",
     .pattern = "DMAR: Initialization failed",
     .severity = Severity::Problem,
     .meaning = N_("The IOMMU could not be switched on."),
     .action = kToBiosup},
    {.id = "log.dmar_no_devices",
     .pattern = "No DMAR devices found",
     .severity = Severity::Warning,
     .meaning = N_("The firmware's table names no IOMMU unit: VT-d cannot be used."),
     .action = N_("For SR-IOV or a whole device: switch on VT-d in the firmware's setup. GVT-g "
                  "does not need it.")},
    {.id = "log.dmar_parse_failed",
     .pattern = "Parse DMAR table failure.",
     .severity = Severity::Problem,
     .meaning = N_("The firmware's table of VT-d is broken: VT-d cannot be used."),
     .action = kToBiosup},
    {.id = "log.dmar_parse_failed_old",  // older kernels
     .pattern = "parse DMAR table failure.",
     .severity = Severity::Problem,
     .meaning = N_("The firmware's table of VT-d is broken: VT-d cannot be used."),
     .action = kToBiosup},
    {.id = "log.dmar_malfunction",
     .pattern = "DMAR hardware is malfunctioning",
     .severity = Severity::Problem,
     .meaning = N_("An IOMMU unit did not answer, and the kernel stopped because of it."),
     .action = N_("Update the firmware. To start the machine until then: intel_iommu=off.")},
    {.id = "log.dmar_unaligned",
     .pattern = "Invalidate non-aligned address {address}, order {order}",
     .severity = Severity::Harmless,
     .meaning = N_("The kernel forgot more addresses at once than it had to. Nothing breaks.")},
    {.id = "log.dmar_bios_broken",
     .pattern = "Your BIOS is broken; DMAR reported at address {address*}",
     .severity = Severity::Problem,
     .meaning = N_(
         "The firmware describes an IOMMU unit that does not answer; the kernel does not use it."),
     .action = kToBiosup},
    {.id = "log.dmar_bad_rmrr",
     .pattern = "Your BIOS is broken; bad RMRR [{start}-{end}]",
     .severity = Severity::Warning,
     .meaning = N_("The firmware reserves memory for a device with a wrong range. Usually nothing "
                   "else breaks."),
     .action = kToBiosup},
    {.id = "log.dmar_uncovered_rmrr",
     .pattern = "No firmware reserved region can cover this RMRR {range*}",
     .severity = Severity::Warning,
     .meaning = N_("The firmware reserves memory for a device without telling so in the memory "
                   "map. Usually nothing else breaks."),
     .action = kToBiosup},
    {.id = "log.dmar_feature_differs",
     .pattern = "IOMMU feature {feature} inconsistent",
     .severity = Severity::Harmless,
     .meaning = N_("The graphics' IOMMU unit and the others differ in {feature}; the kernel uses "
                   "what all have. Normal.")},
    {.id = "log.dmar_queued",
     .pattern = "dmar{unit}: Using Queued invalidation",
     .severity = Severity::Good,
     .meaning = N_("IOMMU unit dmar{unit} is being switched on.")},
    {.id = "log.dmar_register",
     .pattern = "dmar{unit}: Using Register based invalidation",
     .severity = Severity::Note,
     .meaning = N_("IOMMU unit dmar{unit} is being switched on, in the slower way of old chips.")},
    {.id = "log.dmar_identity_map",
     .pattern = "Setting identity map {range*}",
     .severity = Severity::Harmless,
     .meaning = N_("The kernel lets a device keep the memory that the firmware reserved for it.")},
    {.id = "log.dmar_unknown_option",
     .pattern = "DMAR: Unknown option - '{option}'",
     .severity = Severity::Warning,
     .meaning = N_("The kernel does not know {option} in intel_iommu= and ignores it."),
     .action = N_("Correct the word on the kernel's command line.")},
    {.id = "log.dmar_strict",
     .pattern = "intel_iommu=strict deprecated; use iommu.strict=1 instead",
     .severity = Severity::Harmless,
     .meaning = N_("An old spelling that still works.")},
    {.id = "log.dmar_scalable",
     .pattern = "Enable scalable mode if hardware supports",
     .severity = Severity::Note,
     .meaning = N_("The command line asks for the IOMMU's scalable mode (sm_on).")},
    {.id = "log.dmar_no_superpage",
     .pattern = "Disable supported super page",
     .severity = Severity::Note,
     .meaning =
         N_("The command line forbids the IOMMU large pages (sp_off): slower, nothing else.")},
    {.id = "log.dmar_rmrr_ineligible",
     .pattern = "Device is ineligible for IOMMU domain attach due to platform RMRR requirement.",
     .severity = Severity::Problem,
     .meaning = N_("The firmware keeps memory for this device for itself: VFIO may not give the "
                   "device to a VM."),
     .action = N_("Such a device cannot be handed to a VM; take another one, or ask the maker for "
                  "a firmware without this region.")},
    {.id = "log.dmar_acpi_probe",
     .pattern = "ACPI name space devices didn't probe correctly",
     .severity = Severity::Harmless,
     .meaning = N_("The IOMMU found no match for some devices without a PCI address. It does not "
                   "concern the GPU.")},
    {.id = "log.iommu_translated",
     .pattern = "iommu: Default domain type: Translated",
     .severity = Severity::Note,
     .meaning = N_("What the kernel would do with an IOMMU: each device sees its own addresses. It "
                   "says so on machines without an IOMMU, too.")},
    {.id = "log.iommu_passthrough",
     .pattern = "iommu: Default domain type: Passthrough",
     .severity = Severity::Note,
     .meaning = N_("What the kernel would do with an IOMMU: the host's drivers use real addresses. "
                   "VMs are still separated. It says so without an IOMMU, too.")},
    {.id = "log.iommu_policy",
     .pattern = "iommu: DMA domain TLB invalidation policy: {policy} mode",
     .severity = Severity::Note,
     .meaning = N_("How soon the IOMMU forgets old addresses: {policy}. Nothing for sharing a GPU "
                   "depends on it.")},
    {.id = "log.iommu_group",
     .pattern = "Adding to iommu group {group}",
     .severity = Severity::Good,
     .meaning = N_("The device is in IOMMU group {group}.")},
    {.id = "log.iommu_group_old",
     .pattern = "iommu: Adding device {device} to group {group}",
     .severity = Severity::Good,
     .meaning = N_("The device {device} is in IOMMU group {group}.")},
    {.id = "log.iommu_group_failed",
     .pattern = "Failed to add to iommu group {group}: {error}",
     .severity = Severity::Problem,
     .meaning = N_("The device got no IOMMU group (error {error}): it cannot be given to a VM."),
     .action = kToBiosup},
    {.id = "log.iommu_group_left",
     .pattern = "Removing from iommu group {group}",
     .severity = Severity::Harmless,
     .meaning = N_("The device left IOMMU group {group}: it was unplugged or removed.")},
};

}  // namespace

std::span<const LogMessage> dmar_messages() { return kMessages; }

}  // namespace cleave
