// What the firmware's DMAR table says. Texts: drivers/iommu/intel/dmar.c and iommu.c,
// drivers/acpi/tables.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr LogMessage kMessages[] = {
    {.id = "log.dmar_table",
     .pattern = "ACPI: DMAR {address} {length} (",
     .severity = Severity::Good,
     .meaning =
         N_("The firmware describes VT-d, Intel's IOMMU. That alone does not switch it on.")},
    {.id = "log.dmar_reserving",
     .pattern = "ACPI: Reserving DMAR table memory at {range*}",
     .severity = Severity::Good,
     .meaning = N_("The kernel keeps the firmware's description of VT-d.")},
    {.id = "log.dmar_host_address_width",
     .pattern = "Host address width {width}",
     .severity = Severity::Note,
     .meaning = N_("The IOMMU reaches addresses of {width} bits. A VM that gets a whole device "
                   "must not use more."),
     .action = N_("Only if a VM with a whole device cannot map its memory (error -22): -cpu "
                  "host,host-phys-bits-limit={width}")},
    {.id = "log.dmar_drhd_scoped",
     .pattern = "DRHD base: {base} flags: 0x0",
     .severity = Severity::Note,
     .meaning = N_("An IOMMU unit for the devices that the table names; on Intel laptops usually "
                   "for the graphics alone.")},
    {.id = "log.dmar_drhd_all",
     .pattern = "DRHD base: {base} flags: 0x1",
     .severity = Severity::Note,
     .meaning = N_("The IOMMU unit for all devices that no other unit has.")},
    {.id = "log.dmar_unit",
     .pattern = "dmar{unit}: reg_base_addr {base} ver {version} cap {capabilities} ecap {extended}",
     .severity = Severity::Note,
     .meaning = N_("IOMMU unit dmar{unit} and what it can do. The kernel reads this too where it "
                   "does not use the IOMMU.")},
    {.id = "log.dmar_rmrr",
     .pattern = "RMRR base: {start} end: {end}",
     .severity = Severity::Harmless,
     .meaning = N_("Memory that the firmware reserves for a device, most often graphics or USB. "
                   "Those can be handed to a VM nevertheless; another device cannot.")},
    {.id = "log.dmar_atsr",
     .pattern = "ATSR flags: {flags}",
     .severity = Severity::Note,
     .meaning =
         N_("The firmware names root ports whose devices may keep translations themselves (ATS).")},
    {.id = "log.dmar_satc",
     .pattern = "SATC flags: {flags}",
     .severity = Severity::Note,
     .meaning =
         N_("The firmware names built-in devices that may keep translations themselves (ATS).")},
    {.id = "log.dmar_rhsa",
     .pattern = "RHSA base: {base} proximity domain: {domain}",
     .severity = Severity::Note,
     .meaning = N_("Tells to which memory node the IOMMU unit at {base} is near.")},
    {.id = "log.dmar_andd",
     .pattern = "ANDD device: {number} name: {name}",
     .severity = Severity::Harmless,
     .meaning = N_("A device without a PCI address ({name}) that the IOMMU knows, too.")},
    {.id = "log.dmar_no_rmrr",
     .pattern = "No RMRR found",
     .severity = Severity::Harmless,
     .meaning = N_("The firmware reserves no memory for devices. The kernel says so while it "
                   "switches the IOMMU on.")},
    {.id = "log.dmar_no_atsr",
     .pattern = "No ATSR found",
     .severity = Severity::Harmless,
     .meaning = N_("No root port with device caches (ATS); normal on laptops. The kernel says so "
                   "while it switches the IOMMU on.")},
    {.id = "log.dmar_no_satc",
     .pattern = "No SATC found",
     .severity = Severity::Harmless,
     .meaning = N_("No built-in device with a cache of its own (ATS); normal. The kernel says so "
                   "while it switches the IOMMU on.")},
};

}  // namespace

std::span<const LogMessage> dmar_table_messages() { return kMessages; }

}  // namespace cleave
