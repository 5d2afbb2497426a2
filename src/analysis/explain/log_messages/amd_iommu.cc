// AMD's IOMMU. Texts: drivers/iommu/amd/init.c and iommu.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr const char* kToAmdreset =
    N_("Shut the machine down fully and start again; such a GPU may need a reset helper or another "
       "slot.");

constexpr LogMessage kMessages[] = {
    {.id = "log.ivrs_table",
     .pattern = "ACPI: IVRS {address} {length} (",
     .severity = Severity::Good,
     .meaning = N_("The firmware describes AMD-Vi, AMD's IOMMU. The kernel uses it unless it is "
                   "told not to.")},
    {.id = "log.ivrs_reserving",
     .pattern = "ACPI: Reserving IVRS table memory at {range*}",
     .severity = Severity::Good,
     .meaning = N_("The kernel keeps the firmware's description of AMD-Vi.")},
    {.id = "log.amd_ivrs_error",
     .pattern = "IVRS table error: {error*}",
     .severity = Severity::Problem,
     .meaning = N_("The firmware's table of AMD-Vi is broken ({error}): the IOMMU cannot be used."),
     .action = N_("Look for a firmware update of the machine's maker.")},
    {.id = "log.amd_found_at",
     .pattern = "Found IOMMU at {device} cap {capability}",
     .severity = Severity::Good,
     .meaning = N_("The IOMMU (AMD-Vi) at {device} is on.")},
    {.id = "log.amd_found",
     .pattern = "Found IOMMU cap {capability}",
     .severity = Severity::Good,
     .meaning = N_("The IOMMU (AMD-Vi) is on.")},
    {.id = "log.amd_ir_on",
     .pattern = "AMD-Vi: Interrupt remapping enabled",
     .severity = Severity::Good,
     .meaning = N_("Interrupts are remapped: devices can be given to VMs safely.")},
    {.id = "log.amd_virtual_apic",
     .pattern = "AMD-Vi: Virtual APIC enabled",
     .severity = Severity::Good,
     .meaning = N_("Interrupts of devices reach VMs directly.")},
    {.id = "log.amd_x2apic",
     .pattern = "AMD-Vi: X2APIC enabled",
     .severity = Severity::Good,
     .meaning = N_("The newer form of interrupts is in use.")},
    {.id = "log.amd_lazy",
     .pattern = "AMD-Vi: Lazy IO/TLB flushing enabled",
     .severity = Severity::Harmless,
     .meaning = N_("The faster way of forgetting old addresses is in use.")},
    {.id = "log.amd_features",
     .pattern = "AMD-Vi: Extended features ({features*}",
     .severity = Severity::Note,
     .meaning = N_("What the IOMMU can do.")},
    {.id = "log.amd_v2_missing",
     .pattern = "AMD IOMMUv2 functionality not available on this system",
     .severity = Severity::Harmless,
     .meaning = N_(
         "A feature for compute work (shared virtual addresses) is missing. VMs do not need it.")},
    {.id = "log.amd_off",
     .pattern = "AMD-Vi: AMD IOMMU disabled",
     .severity = Severity::Warning,
     .meaning = N_("The command line switches the IOMMU off."),
     .action = N_(
         "To give a whole device to a VM: take amd_iommu=off or iommu=off off the command line.")},
    {.id = "log.amd_unknown_option",
     .pattern = "AMD-Vi: Unknown option - '{option}'",
     .severity = Severity::Warning,
     .meaning = N_("The kernel does not know {option} in amd_iommu= and ignores it. Without it the "
                   "IOMMU works, too: on AMD it is on by default."),
     .action = N_("Take amd_iommu={option} away. If iommu=pt was meant, write it so.")},
    {.id = "log.amd_page_fault",
     .pattern = "Event logged [IO_PAGE_FAULT {details*}",
     .severity = Severity::Warning,
     .meaning = N_("A device used an address that it may not; the IOMMU stopped it."),
     .action = N_("A few when a driver starts are normal. If they go on, give that device back to "
                  "the host and report the lines.")},
    {.id = "log.amd_iotlb_timeout",
     .pattern = "Event logged [IOTLB_INV_TIMEOUT {details*}",
     .severity = Severity::Problem,
     .meaning = N_("A device no longer answers the IOMMU: it hangs, or was reset badly."),
     .action = kToAmdreset},
    {.id = "log.amd_completion",
     .pattern = "Completion-Wait loop timed out",
     .severity = Severity::Problem,
     .meaning =
         N_("The IOMMU waits in vain for a device, often after a reset of a passed-through GPU."),
     .action = kToAmdreset},
    {.id = "log.amd_perf_missing",
     .pattern = "Unable to read/write to IOMMU perf counter.",
     .severity = Severity::Harmless,
     .meaning = N_("The IOMMU's counters cannot be used. Nothing else depends on them.")},
    {.id = "log.amd_perf_unwritable",
     .pattern = "Unable to write to IOMMU perf counter.",
     .severity = Severity::Harmless,
     .meaning = N_("The IOMMU's counters cannot be used. Nothing else depends on them.")},
    {.id = "log.amd_v2_driver",
     .pattern = "AMD IOMMUv2 driver by {author*}",
     .severity = Severity::Harmless,
     .meaning = N_("A driver for compute work looks for its hardware; on Intel machines, too.")},
    {.id = "log.gart",
     .pattern = "PCI-DMA: using GART IOMMU.",
     .severity = Severity::Harmless,
     .meaning = N_("An aid of old AMD chips for devices that reach little memory. It is not the "
                   "IOMMU that VMs need.")},
    {.id = "log.amd_perf",
     .pattern = "IOMMU performance counters supported",
     .severity = Severity::Harmless,
     .meaning = N_("The IOMMU can count. Nothing for VMs depends on it.")},
    {.id = "log.amd_acpi_hid",
     .pattern = "ivrs, add hid:{hid}, uid:{uid}, rdevid:{device}",
     .severity = Severity::Harmless,
     .meaning = N_("A device without a PCI address ({hid}) that the IOMMU knows, too.")},
    {.id = "log.amd_ioapic_missing",
     .pattern = "IOAPIC[{id}] not in IVRS table",
     .severity = Severity::Warning,
     .meaning =
         N_("The firmware's table forgot an interrupt controller; interrupts may not be remapped."),
     .action = N_("Look for a firmware update of the machine's maker.")},
    {.id = "log.amd_ir_disabled",
     .pattern = "Disabling interrupt remapping",
     .severity = Severity::Warning,
     .meaning = N_("Interrupts are not remapped: VFIO refuses to give devices to VMs."),
     .action =
         N_("Switch on VT-d or AMD-Vi and x2APIC in the firmware's setup; update the firmware.")},
    {.id = "log.amd_efr_mismatch",
     .pattern = "EFR mismatch. Use IVHD EFR {values*}",
     .severity = Severity::Harmless,
     .meaning = N_(
         "The firmware's table and the chip differ a little; the kernel takes the table's word.")},
};

}  // namespace

std::span<const LogMessage> amd_iommu_messages() { return kMessages; }

}  // namespace cleave
