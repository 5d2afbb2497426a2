// GPUs of AMD and NVIDIA. Texts: drivers/gpu/drm/amd/amdgpu/ (amdgpu_device.c, amdgpu_job.c,
// amdgpu_bios.c), drivers/gpu/drm/nouveau/nvkm/engine/device/base.c, NVIDIA's
// kernel-open/nvidia/nv.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr const char* kToRebootgpu =
    N_("Reboot. If it comes back, the driver or the hardware needs a look.");

constexpr LogMessage kMessages[] = {
    {.id = "log.amdgpu_start",
     .pattern = "amdgpu kernel modesetting enabled.",
     .severity = Severity::Good,
     .meaning = N_("AMD's driver is loaded.")},
    {.id = "log.amdgpu_vbios",
     .pattern = "Fetched VBIOS from {source}",
     .severity = Severity::Harmless,
     .meaning = N_("AMD's driver found the GPU's ROM.")},
    {.id = "log.amdgpu_fatal",
     .pattern = "Fatal error during GPU init",
     .severity = Severity::Problem,
     .meaning = N_("AMD's driver could not start this GPU."),
     .action = N_("Read the lines before; the GPU has no driver now.")},
    {.id = "log.amdgpu_ring_timeout",
     .pattern = "ring {ring} timeout, {details*}",
     .severity = Severity::Problem,
     .meaning = N_("Work on the GPU ({ring}) does not end."),
     .action = kToRebootgpu},
    {.id = "log.amdgpu_reset",
     .pattern = "GPU reset begin!",
     .severity = Severity::Warning,
     .meaning = N_("AMD's driver resets the GPU."),
     .action = kToRebootgpu},
    {.id = "log.amdgpu_reset_done",
     .pattern = "GPU reset succeeded, trying to resume",
     .severity = Severity::Note,
     .meaning = N_("The GPU is back after a reset.")},
    {.id = "log.amdgpu_page_fault",
     .pattern = "[gfxhub] page fault {details*}",
     .severity = Severity::Warning,
     .meaning = N_("A program used GPU memory that it does not have.")},
    {.id = "log.nouveau_unknown",
     .pattern = "unknown chipset ({chipset})",
     .severity = Severity::Problem,
     .meaning = N_("nouveau does not know this NVIDIA GPU: it has no driver."),
     .action = N_("Install NVIDIA's driver or a newer kernel.")},
    {.id = "log.nvidia_loading",
     .pattern = "NVRM: loading NVIDIA UNIX {version*}",
     .severity = Severity::Note,
     .meaning = N_("NVIDIA's own driver was loaded. That alone does not mean that it has a GPU.")},
    {.id = "log.nvidia_no_gpu",
     .pattern = "NVRM: No NVIDIA GPU found.",
     .severity = Severity::Warning,
     .meaning = N_("NVIDIA's driver found no GPU for itself."),
     .action = N_("If the GPU was given to vfio-pci this is as it should be.")},
    {.id = "log.nvidia_off_bus",
     .pattern = "NVRM: GPU {device}: GPU has fallen off the bus.",
     .severity = Severity::Problem,
     .meaning = N_("The NVIDIA GPU no longer answers."),
     .action = kToRebootgpu},
    {.id = "log.nvidia_xid",
     .pattern = "NVRM: Xid ({device}): {details*}",
     .severity = Severity::Warning,
     .meaning = N_("The NVIDIA GPU at {device} reports an error."),
     .action = kToRebootgpu},
    {.id = "log.nvidia_mismatch",
     .pattern = "NVRM: API mismatch: {details*}",
     .severity = Severity::Problem,
     .meaning = N_("NVIDIA's module and its programs are of different versions."),
     .action = N_("Install the module and the programs of the same NVIDIA version, then reboot.")},
};

}  // namespace

std::span<const LogMessage> gpu_vendor_messages() { return kMessages; }

}  // namespace cleave
