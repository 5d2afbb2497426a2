// Interrupt remapping, and accesses that Intel's IOMMU stopped. Texts: drivers/iommu/intel/dmar.c
// (dmar_fault_do_one) and irq_remapping.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr const char* kToFault =
    N_("A few when a driver starts are normal. If they go on, give that device back to the host "
       "and report the lines.");

constexpr LogMessage kMessages[] = {
    {.id = "log.dmar_fault_status",
     .pattern = "DRHD: handling fault status reg {status}",
     .severity = Severity::Warning,
     .meaning = N_("The IOMMU stopped an access of a device; the next line names it."),
     .action = kToFault},
    {.id = "log.dmar_fault_read",
     .pattern = "[DMA Read] Request device [{device}] {fault*}",
     .severity = Severity::Warning,
     .meaning = N_("The device {device} read memory that it may not; the IOMMU stopped it."),
     .action = kToFault},
    {.id = "log.dmar_fault_read_no_pasid",
     .pattern = "[DMA Read NO_PASID] Request device [{device}] {fault*}",
     .severity = Severity::Warning,
     .meaning = N_("The device {device} read memory that it may not; the IOMMU stopped it."),
     .action = kToFault},
    {.id = "log.dmar_fault_write",
     .pattern = "[DMA Write] Request device [{device}] {fault*}",
     .severity = Severity::Warning,
     .meaning = N_("The device {device} wrote to memory that it may not; the IOMMU stopped it."),
     .action = kToFault},
    {.id = "log.dmar_fault_write_no_pasid",
     .pattern = "[DMA Write NO_PASID] Request device [{device}] {fault*}",
     .severity = Severity::Warning,
     .meaning = N_("The device {device} wrote to memory that it may not; the IOMMU stopped it."),
     .action = kToFault},
    {.id = "log.dmar_fault_read_pasid",
     .pattern = "[DMA Read PASID {process}] Request device [{device}] {fault*}",
     .severity = Severity::Warning,
     .meaning = N_("The device {device} read memory that it may not; the IOMMU stopped it."),
     .action = kToFault},
    {.id = "log.dmar_fault_write_pasid",
     .pattern = "[DMA Write PASID {process}] Request device [{device}] {fault*}",
     .severity = Severity::Warning,
     .meaning = N_("The device {device} wrote to memory that it may not; the IOMMU stopped it."),
     .action = kToFault},
    {.id = "log.dmar_fault_interrupt",
     .pattern = "[INTR-REMAP] Request device [{device}] {fault*}",
     .severity = Severity::Warning,
     .meaning =
         N_("An interrupt of {device} in a form that the IOMMU does not accept was stopped."),
     .action = N_("Look for a firmware update of the machine's maker.")},
    {.id = "log.dmar_fault_interrupt_old",  // older kernels, with this typing error
     .pattern = "INTR-REMAP: Request device [[{device}] {fault*}",
     .severity = Severity::Warning,
     .meaning =
         N_("An interrupt of {device} in a form that the IOMMU does not accept was stopped."),
     .action = N_("Look for a firmware update of the machine's maker.")},
    {.id = "log.dmar_ir_on",
     .pattern = "Enabled IRQ remapping in {mode} mode",
     .severity = Severity::Good,
     .meaning = N_("Interrupts are remapped ({mode}): devices can be given to VMs safely. This "
                   "alone does not mean that memory is protected, too.")},
    {.id = "log.dmar_ir_queued",
     .pattern = "Queued invalidation will be enabled to support x2apic and Intr-remapping.",
     .severity = Severity::Good,
     .meaning = N_("A step on the way to interrupt remapping.")},
    {.id = "log.dmar_ir_ioapic",
     .pattern = "IOAPIC id {id} under DRHD base {unit*}",
     .severity = Severity::Harmless,
     .meaning = N_("Which IOMMU unit serves this interrupt controller.")},
    {.id = "log.dmar_ir_hpet",
     .pattern = "HPET id {id} under DRHD base {base}",
     .severity = Severity::Harmless,
     .meaning = N_("Which IOMMU unit serves this timer.")},
    {.id = "log.dmar_ir_optout",
     .pattern = "x2apic is disabled because BIOS sets x2apic opt out bit.",
     .severity = Severity::Note,
     .meaning = N_(
         "The firmware asks the kernel not to use x2APIC. Interrupts are remapped nevertheless.")},
    {.id = "log.dmar_ir_optout_hint",
     .pattern = "Use 'intremap=no_x2apic_optout' to override the BIOS setting.",
     .severity = Severity::Harmless,
     .meaning =
         N_("The kernel's hint to the line before; nothing for sharing a GPU depends on it.")},
    {.id = "log.dmar_ir_no_x2apic",
     .pattern = "x2apic: IRQ remapping doesn't support X2APIC mode",
     .severity = Severity::Harmless,
     .meaning =
         N_("The kernel uses the older form of interrupts; nothing for sharing a GPU depends "
            "on it.")},
    {.id = "log.dmar_ir_left_on",
     .pattern = "IRQ remapping was enabled on dmar{unit} but we are not in kdump mode",
     .severity = Severity::Harmless,
     .meaning = N_("The firmware or an earlier kernel left interrupt remapping on; the kernel "
                   "starts it afresh.")},
    {.id = "log.dmar_translation_left_on",
     .pattern = "Translation was enabled for dmar{unit} but we are not in kdump mode",
     .severity = Severity::Harmless,
     .meaning = N_("The firmware left its own DMA protection on; the kernel takes over.")},
    {.id = "log.dmar_ir_failed",
     .pattern = "Failed to enable irq remapping. You are vulnerable to irq-injection attacks.",
     .severity = Severity::Problem,
     .meaning = N_("Interrupts are not remapped: VFIO refuses to give devices to VMs."),
     .action =
         N_("Switch on VT-d or AMD-Vi and x2APIC in the firmware's setup; update the firmware.")},
};

}  // namespace

std::span<const LogMessage> dmar_fault_messages() { return kMessages; }

}  // namespace cleave
