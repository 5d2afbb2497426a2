// Intel GPUs, SR-IOV, and what all GPUs have. Texts: drivers/gpu/drm/i915/ (gt/uc/intel_uc.c,
// intel_uc_fw.c, i915_gpu_error.c, display/intel_fifo_underrun.c), drivers/gpu/drm/xe/xe_sriov.c
// and xe_pci_sriov.c, drivers/pci/vgaarb.c, drivers/base/firmware_loader/main.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr const char* kToFirmware =
    N_("Install the firmware package of your distribution and rebuild the initramfs.");
constexpr const char* kFirmware =
    N_("The firmware file {file} could not be loaded (error {error}). Drivers often try several "
       "names: only the last one counts.");
constexpr const char* kToForceprobe =
    N_("Use a newer kernel, or the force_probe argument that the line names.");
constexpr const char* kToSriovguc =
    N_("SR-IOV needs GuC: look at the firmware lines and at xe.max_vfs; cleave doctor tells more.");
constexpr const char* kToHang =
    N_("If it comes back: stop the VM that uses the GPU, look at its driver, and set "
       "i915.enable_guc=0 where GVT-g is in use.");

constexpr LogMessage kMessages[] = {
    {.id = "log.framebuffer",
     .pattern = "fb{number}: {driver} frame buffer device",
     .severity = Severity::Note,
     .meaning = N_("The host's text screen is drawn by {driver}.")},
    {.id = "log.vga_console_off",
     .pattern = "vgaarb: deactivate vga console",
     .severity = Severity::Harmless,
     .meaning = N_("The driver takes over the screen.")},
    {.id = "log.vga_boot_device",
     .pattern = "vgaarb: setting as boot VGA device",
     .severity = Severity::Note,
     .meaning = N_("The firmware shows its picture on this GPU.")},
    {.id = "log.dmc_loaded",
     .pattern = "Finished loading DMC firmware {file} {version*}",
     .severity = Severity::Good,
     .meaning = N_("The GPU's power-saving firmware is loaded.")},
    {.id = "log.dmc_failed",
     .pattern = "Failed to load DMC firmware {file}",
     .severity = Severity::Warning,
     .meaning =
         N_("The GPU's power-saving firmware is missing: it uses more power; sharing works."),
     .action = kToFirmware},
    {.id = "log.guc_loaded",
     .pattern = "GuC firmware {file} version {version}",
     .severity = Severity::Note,
     .meaning =
         N_("The firmware GuC was loaded. SR-IOV needs it; GVT-g must not let it schedule.")},
    {.id = "log.guc_fetch_failed",
     .pattern = "GuC firmware {file}: fetch failed {error}",
     .severity = Severity::Warning,
     .meaning = N_("The firmware GuC is missing. GVT-g does not need it, SR-IOV does."),
     .action = kToFirmware},
    {.id = "log.guc_fetch_failed_xe",
     .pattern = "GuC firmware {file}: fetch failed with error {error}",
     .severity = Severity::Warning,
     .meaning = N_("The firmware GuC is missing. GVT-g does not need it, SR-IOV does."),
     .action = kToFirmware},
    {.id = "log.guc_loaded_xe",
     .pattern = "Using GuC firmware from {file} version {version}",
     .severity = Severity::Note,
     .meaning =
         N_("The firmware GuC was loaded. SR-IOV needs it; GVT-g must not let it schedule.")},
    {.id = "log.huc_loaded_xe",
     .pattern = "Using HuC firmware from {file} version {version}",
     .severity = Severity::Note,
     .meaning = N_("The firmware HuC (for video) was loaded.")},
    {.id = "log.huc_loaded",
     .pattern = "HuC firmware {file} version {version}",
     .severity = Severity::Note,
     .meaning = N_("The firmware HuC (for video) was loaded.")},
    {.id = "log.guc_submission_on",
     .pattern = "GUC: submission enabled",
     .severity = Severity::Note,
     .meaning = N_(
         "The GuC firmware schedules the GPU's work: right for SR-IOV, and it rules GVT-g out.")},
    {.id = "log.guc_submission_off",
     .pattern = "GUC: submission disabled",
     .severity = Severity::Note,
     .meaning = N_(
         "The driver schedules the GPU's work itself: right for GVT-g, and it rules SR-IOV out.")},
    {.id = "log.guc_on",
     .pattern = "GuC submission enabled",
     .severity = Severity::Note,
     .meaning = N_(
         "The GuC firmware schedules the GPU's work: right for SR-IOV, and it rules GVT-g out.")},
    {.id = "log.guc_off",
     .pattern = "GuC submission disabled",
     .severity = Severity::Note,
     .meaning = N_(
         "The driver schedules the GPU's work itself: right for GVT-g, and it rules SR-IOV out.")},
    {.id = "log.guc_failed",
     .pattern = "GuC initialization failed {error*}",
     .severity = Severity::Problem,
     .meaning = N_("The GuC firmware did not start: no SR-IOV."),
     .action = kToFirmware},
    {.id = "log.guc_incompatible",
     .pattern = "Incompatible option enable_guc={value} - {reason*}",
     .severity = Severity::Warning,
     .meaning = N_("enable_guc={value} does not fit this GPU ({reason}); the driver ignores what "
                   "it cannot do."),
     .action = N_("Read the reason: “submission is N/A” means a GPU without GuC scheduling, and so "
                  "without SR-IOV; then take i915.enable_guc off.")},
    {.id = "log.huc_ready",
     .pattern = "HuC: authenticated for all workloads",
     .severity = Severity::Good,
     .meaning = N_("The firmware HuC (for video) works.")},
    {.id = "log.force_probe_i915",
     .pattern = "Your graphics device {device} is not properly supported by {driver*}",
     .severity = Severity::Problem,
     .meaning = N_("This kernel's driver does not claim the GPU {device} by itself."),
     .action = kToForceprobe},
    {.id = "log.force_probe_xe",
     // The kernel breaks the line behind "supported" (xe_pci_probe() in xe_pci.c).
     .pattern = "Your graphics device {device} is not officially supported",
     .severity = Severity::Problem,
     .meaning = N_("This kernel's driver does not claim the GPU {device} by itself."),
     .action = kToForceprobe},
    {.id = "log.sriov_pf",
     .pattern = "Running in SR-IOV PF mode",
     .severity = Severity::Good,
     .meaning = N_("The GPU can be split into virtual functions (SR-IOV).")},
    {.id = "log.sriov_vf",
     .pattern = "Running in SR-IOV VF mode",
     .severity = Severity::Note,
     .meaning = N_("This system runs on a virtual function (SR-IOV) of a GPU.")},
    {.id = "log.sriov_enabled",
     .pattern = "Enabled {count} of {total} VF",  // or VFs
     .severity = Severity::Good,
     .meaning = N_("{count} of {total} virtual functions exist now, one for each VM.")},
    {.id = "log.sriov_enable_failed",
     .pattern = "Failed to enable {count} VFs ({error*}",
     .severity = Severity::Problem,
     .meaning = N_("The {count} virtual functions could not be made."),
     .action = kToSriovguc},
    {.id = "log.sriov_enable_failed_one",
     .pattern = "Failed to enable {count} VF ({error*}",
     .severity = Severity::Problem,
     .meaning = N_("The {count} virtual functions could not be made."),
     .action = kToSriovguc},
    {.id = "log.sriov_unavailable",
     .pattern = "Support for SR-IOV is not available",
     .severity = Severity::Problem,
     .meaning = N_("The GPU could be split, but this driver does not do it here."),
     .action = kToSriovguc},
    {.id = "log.vtd_active",
     .pattern = "VT-d active for gfx access",
     .severity = Severity::Note,
     .meaning = N_("The IOMMU translates for the GPU: needed for SR-IOV and for the whole GPU. "
                   "Where the screen flickers, it is often the reason.")},
    {.id = "log.gpu_hang",
     .pattern = "GPU HANG: {details*}",
     .severity = Severity::Problem,
     .meaning = N_("The GPU stopped answering and the driver reset it."),
     .action = kToHang},
    {.id = "log.gpu_reset_hang",
     .pattern = "Resetting {engine} for {reason*}",
     .severity = Severity::Warning,
     .meaning = N_("The driver reset a part of the GPU ({engine}) that hung."),
     .action = kToHang},
    {.id = "log.fifo_underrun",
     .pattern = "CPU pipe {pipe} FIFO underrun",
     .severity = Severity::Warning,
     .meaning = N_("The picture's data came too late on pipe {pipe}: a flicker."),
     .action = N_("If the picture flickers since the IOMMU is on: intel_iommu=on,igfx_off (not "
                  "with SR-IOV or whole passthrough) or i915.enable_psr=0.")},
    {.id = "log.firmware_missing_i915",
     .pattern = "Direct firmware load for i915/{file} failed with error {error}",
     .severity = Severity::Warning,
     .meaning = kFirmware,
     .action = kToFirmware},
    {.id = "log.firmware_missing_xe",
     .pattern = "Direct firmware load for xe/{file} failed with error {error}",
     .severity = Severity::Warning,
     .meaning = kFirmware,
     .action = kToFirmware},
    {.id = "log.firmware_missing_amdgpu",
     .pattern = "Direct firmware load for amdgpu/{file} failed with error {error}",
     .severity = Severity::Warning,
     .meaning = kFirmware,
     .action = kToFirmware},
    {.id = "log.firmware_missing_radeon",
     .pattern = "Direct firmware load for radeon/{file} failed with error {error}",
     .severity = Severity::Warning,
     .meaning = kFirmware,
     .action = kToFirmware},
    {.id = "log.firmware_missing_nvidia",
     .pattern = "Direct firmware load for nvidia/{file} failed with error {error}",
     .severity = Severity::Warning,
     .meaning = kFirmware,
     .action = kToFirmware},
    {.id = "log.firmware_missing_nouveau",
     .pattern = "Direct firmware load for nouveau/{file} failed with error {error}",
     .severity = Severity::Warning,
     .meaning = kFirmware,
     .action = kToFirmware},
    {.id = "log.firmware_missing",
     .pattern = "Direct firmware load for {file} failed with error {error}",
     .severity = Severity::Harmless,
     .meaning = N_("The file {file}, which is not a GPU's, could not be loaded (error {error}). "
                   "Drivers often try several names. Nothing for sharing a GPU depends on it.")},
};

}  // namespace

std::span<const LogMessage> gpu_messages() { return kMessages; }

}  // namespace cleave
