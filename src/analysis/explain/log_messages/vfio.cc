// VFIO. Texts: drivers/vfio/vfio_main.c, vfio_iommu_type1.c, pci/vfio_pci_core.c and
// pci/vfio_pci_config.c, drivers/pci/pci.c and rom.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr const char* kToMemlock =
    N_("Let QEMU's user lock the guest's memory and some more: memlock in /etc/security/limits.d, "
       "or LimitMEMLOCK of the service.");
constexpr const char* kToAmdreset =
    N_("Shut the machine down fully and start again; such a GPU may need a reset helper or another "
       "slot.");
constexpr const char* kToRom = N_(
    "Give QEMU a good copy of the GPU's ROM (romfile=), or make another GPU the firmware's first.");
constexpr const char* kToUnbind =
    N_("Stop the VM that has the device; then the host gets it back.");
constexpr const char* kToGroup =
    N_("To be sure, look whether the GPU has an IOMMU group: cleave doctor shows it.");

constexpr LogMessage kMessages[] = {
    {.id = "log.vfio_loaded",
     .pattern = "VFIO - User Level meta-driver version: {version}",
     .severity = Severity::Good,
     .meaning = N_("VFIO, which gives devices to VMs, is loaded.")},
    {.id = "log.vfio_ids",
     .pattern = "vfio_pci: add [{id*}",
     .severity = Severity::Note,
     .meaning = N_("vfio-pci takes every device with these ids away from its driver. Not for "
                   "GVT-g: it would take the GPU from i915.")},
    {.id = "log.vfio_memlock_task",
     .pattern = "Task {task} ({pid}) RLIMIT_MEMLOCK ({limit}) exceeded",
     .severity = Severity::Problem,
     .meaning = N_("{task} may lock only {limit} bytes of memory, less than the VM needs; the vGPU "
                   "hangs or the VM does not start."),
     .action = kToMemlock},
    {.id = "log.vfio_memlock_limit",
     .pattern = "RLIMIT_MEMLOCK ({limit}) exceeded",
     .severity = Severity::Problem,
     .meaning = N_("QEMU may lock only {limit} bytes of memory, less than the VM needs."),
     .action = kToMemlock},
    {.id = "log.vfio_memlock_task_short",
     .pattern = "Task {task} RLIMIT_MEMLOCK exceeded",
     .severity = Severity::Problem,
     .meaning = N_("{task} may lock less memory than the VM needs."),
     .action = kToMemlock},
    {.id = "log.vfio_memlock",
     .pattern = "RLIMIT_MEMLOCK exceeded",
     .severity = Severity::Problem,
     .meaning = N_("QEMU may lock less memory than the VM needs."),
     .action = kToMemlock},
    {.id = "log.vfio_pin_failed",
     .pattern = "vfio_pin_pages failed for {details*}",
     .severity = Severity::Problem,
     .meaning = N_("A page of the guest's memory could not be locked."),
     .action = kToMemlock},
    {.id = "log.vfio_hiding",
     .pattern = "vfio_ecap_init: hiding ecap {capability}",
     .severity = Severity::Harmless,
     .meaning = N_("VFIO hides a capability from the VM that it should not use.")},
    {.id = "log.vfio_hiding_old",  // older kernels
     .pattern = "vfio_ecap_init: {device} hiding ecap {capability}",
     .severity = Severity::Harmless,
     .meaning = N_("VFIO hides a capability from the VM that it should not use.")},
    {.id = "log.vfio_restoring_old",
     .pattern = "vfio_bar_restore: {device} reset recovery - restoring BARs",
     .severity = Severity::Warning,
     .meaning = N_("The device forgot its addresses in a reset, and VFIO restored them."),
     .action = kToAmdreset},
    {.id = "log.vfio_power",
     .pattern = "Unable to change power state from {before} to {wanted}, device inaccessible",
     .severity = Severity::Problem,
     .meaning = N_("The device does not wake up ({before} to {wanted}): it no longer answers."),
     .action = kToAmdreset},
    {.id = "log.vfio_igd_regions",
     .pattern = "Failed to setup Intel IGD regions",
     .severity = Severity::Warning,
     .meaning = N_("vfio-pci found no OpRegion of this Intel GPU: the guest gets none."),
     .action = N_("Make the Intel GPU the first display in the firmware's setup.")},
    {.id = "log.vfio_pf",
     .pattern = "Cannot bind to PF with SR-IOV enabled",
     .severity = Severity::Problem,
     .meaning = N_("The GPU itself has virtual functions and cannot be given to a VM as a whole."),
     .action = N_("Give the VM one of the virtual functions, or write 0 to sriov_numvfs first.")},
    {.id = "log.vfio_restoring",
     .pattern = "reset recovery - restoring BARs",
     .severity = Severity::Warning,
     .meaning = N_("The device forgot its addresses in a reset, and VFIO restored them."),
     .action = kToAmdreset},
    {.id = "log.vfio_bar_held",
     .pattern = "can't reserve [mem {range*}",
     .severity = Severity::Problem,
     .meaning = N_("Something else holds this device's memory."),
     .action = N_("Something else holds the GPU's memory, most often the firmware's picture: try "
                  "initcall_blacklist=sysfb_init (older kernels: video=efifb:off).")},
    {.id = "log.vfio_rom",
     .pattern = "Invalid PCI ROM header signature: expecting {expected}, got {found}",
     .severity = Severity::Warning,
     .meaning = N_("The GPU's ROM cannot be read; firmware in the VM may show no picture."),
     .action = kToRom},
    {.id = "log.vfio_rom_data",
     .pattern = "Invalid PCI ROM data signature: {details*}",
     .severity = Severity::Warning,
     .meaning = N_("The GPU's ROM cannot be read; firmware in the VM may show no picture."),
     .action = kToRom},
    {.id = "log.vfio_not_ready",
     .pattern = "not ready {time} after {reset*}",
     .severity = Severity::Warning,
     .meaning = N_("The device does not come back from its reset ({time})."),
     .action = kToAmdreset},
    {.id = "log.vfio_no_remapping",
     .pattern = "No interrupt remapping support.",
     .severity = Severity::Problem,
     .meaning = N_("VFIO refuses to give the device to a VM: interrupts are not remapped."),
     .action = N_("Update the firmware. Only if you trust the guest: "
                  "vfio_iommu_type1.allow_unsafe_interrupts=1.")},
    {.id = "log.vfio_identity",
     .pattern = "Firmware has requested this device have a 1:1 IOMMU mapping, rejecting "
                "configuring the device",
     .severity = Severity::Problem,
     .meaning =
         N_("The firmware keeps memory for this device for itself: it cannot be given to a VM."),
     .action = N_("Such a device cannot be handed to a VM; take another one, or ask the maker for "
                  "a firmware without this region.")},
    {.id = "log.vfio_noiommu",
     .pattern = "Adding kernel taint for vfio-noiommu group on device",
     .severity = Severity::Warning,
     .meaning = N_("A program uses the device without an IOMMU: it can reach all memory."),
     .action = N_("For SR-IOV or a whole device: intel_iommu=on on the kernel's command line. "
                  "GVT-g needs no IOMMU.")},
    {.id = "log.vfio_relaying",
     .pattern = "Relaying device request to user (#{count})",
     .severity = Severity::Warning,
     .meaning = N_("The host wants the device back and waits for the VM that has it."),
     .action = kToUnbind},
    {.id = "log.vfio_blocked",
     .pattern = "No device request channel registered, blocked until released by user",
     .severity = Severity::Warning,
     .meaning = N_("The host wants the device back and waits until the VM ends."),
     .action = kToUnbind},
    {.id = "log.vfio_probe_failed",
     .pattern = "vfio-pci: probe of {device} failed with error {error}",
     .severity = Severity::Problem,
     .meaning = N_(
         "vfio-pci could not take {device} (error {error}); -22 means that it has no IOMMU group."),
     .action = kToGroup},
    {.id = "log.vfio_probe_with_failed",
     .pattern = "probe with driver vfio-pci failed with error {error}",
     .severity = Severity::Problem,
     .meaning = N_("vfio-pci could not take this device (error {error}); -22 means that it has no "
                   "IOMMU group."),
     .action = kToGroup},
};

}  // namespace

std::span<const LogMessage> vfio_messages() { return kMessages; }

}  // namespace cleave
