// What QEMU says when it cannot go on. Texts: QEMU's hw/vfio/ (pci.c, igd.c, display.c,
// container.c, region.c), ui/egl-helpers.c, accel/kvm/kvm-all.c, hw/display/virtio-gpu-gl.c,
// block/file-posix.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr const char* kToGl =
    N_("Give the VM a display with OpenGL (gl=on, or egl-headless), or take display=on away.");
constexpr const char* kToOpregion =
    N_("Take x-igd-opregion=on away, or make the Intel GPU the firmware's first display.");
constexpr const char* kToVendorgroup =
    N_("Hand over all devices of the group together, or use another slot.");
constexpr const char* kToVfioperm =
    N_("Give the VM's user the device node by a udev rule; with libvirt also cgroup_device_acl. A "
       "device that is in use answers Busy.");
constexpr const char* kToDmamap =
    N_("Error -12 or “Cannot allocate memory”: raise the memlock limit. Error -22: -cpu "
       "host,host-phys-bits-limit=39.");
constexpr const char* kToGuestdriver =
    N_("Stop and start the VM; put another version of the Intel driver into the guest, or run a "
       "Linux guest.");
constexpr const char* kToAmdreset =
    N_("Shut the machine down fully and start again; such a GPU may need a reset helper or another "
       "slot.");
constexpr const char* kToRendernode =
    N_("Name the Intel GPU's node: rendernode=/dev/dri/by-path/pci-0000:00:02.0-render; the user "
       "must be in the group render.");
constexpr const char* kToKvmperm =
    N_("Look whether /dev/kvm is there and whether you may open it (group kvm).");
constexpr const char* kToQemu10 =
    N_("QEMU 10.0 and newer: x-igd-legacy-mode=off, or a machine and address that the mode wants "
       "(pc, 02.0).");

constexpr LogMessage kMessages[] = {
    {.id = "qemu.no_opengl",
     .pattern = "vfio-display-dmabuf: opengl not available",
     .severity = Severity::Problem,
     .meaning = N_("The vGPU's picture needs a display with OpenGL, and this VM has none."),
     .action = kToGl},
    {.id = "qemu.ramfb_display",
     .pattern = "ramfb=on requires display=on",
     .severity = Severity::Problem,
     .meaning = N_("ramfb shows the boot picture only of a vGPU that is displayed."),
     .action = N_("Add display=on to the vGPU, or take ramfb=on away.")},
    {.id = "qemu.opregion_missing",
     .pattern = "IGD OpRegion feature: No such device",
     .severity = Severity::Problem,
     .meaning = N_("The device has no OpRegion for the guest."),
     .action = kToOpregion},
    {.id = "qemu.opregion_unsupported",
     .pattern = "does not support requested IGD OpRegion feature: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("The device has no OpRegion for the guest."),
     .action = kToOpregion},
    {.id = "qemu.host_no_opregion",
     .pattern = "Device does not supports IGD OpRegion feature: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("The device has no OpRegion for the guest."),
     .action = kToOpregion},
    {.id = "qemu.group_not_viable",
     .pattern = "group {group} is not viable",
     .severity = Severity::Problem,
     .meaning = N_("Other devices of IOMMU group {group} still belong to the host."),
     .action = kToVendorgroup},
    {.id = "qemu.group_hint",
     .pattern =
         "Please ensure all devices within the iommu_group are bound to their vfio bus driver.",
     .severity = Severity::Problem,
     .meaning = N_("Other devices of the same IOMMU group still belong to the host."),
     .action = kToVendorgroup},
    {.id = "qemu.vfio_open",
     .pattern = "failed to open /dev/vfio/{group}: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("QEMU may not use the device of group {group}: {reason}."),
     .action = kToVfioperm},
    {.id = "qemu.vfio_open_old",
     .pattern = "error opening /dev/vfio/{group}: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("QEMU may not use the device of group {group}: {reason}."),
     .action = kToVfioperm},
    {.id = "qemu.vfio_could_not_open",
     .pattern = "Could not open '/dev/vfio/{group}': {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("QEMU may not use the device of group {group}: {reason}."),
     .action = kToVfioperm},
    {.id = "qemu.vfio_container",
     .pattern = "failed to setup container for group {group}: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("QEMU could not prepare group {group} for the VM: {reason}."),
     .action = kToDmamap},
    {.id = "qemu.vfio_device",
     .pattern = "error getting device from group {group}: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("QEMU did not get the device of group {group}: {reason}."),
     .action = kToVfioperm},
    {.id = "qemu.vfio_attached",
     .pattern = "device is already attached",
     .severity = Severity::Problem,
     .meaning = N_("The device is given to this VM twice.")},
    {.id = "qemu.vfio_map",
     .pattern = "VFIO_MAP_DMA failed: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("The guest's memory could not be made known to the device: {reason}."),
     .action = kToDmamap},
    {.id = "qemu.vfio_map_dma",
     .pattern = "vfio_dma_map({details*}",
     .severity = Severity::Problem,
     .meaning = N_("The guest's memory could not be made known to the device."),
     .action = kToDmamap},
    {.id = "qemu.vfio_map_container",
     .pattern = "vfio_container_dma_map({details*}",
     .severity = Severity::Problem,
     .meaning = N_("The guest's memory could not be made known to the device."),
     .action = kToDmamap},
    {.id = "qemu.vfio_region_write",
     .pattern = "vfio_region_write({details*}",
     .severity = Severity::Problem,
     .meaning = N_("The GPU's driver refused a write of the guest."),
     .action = kToGuestdriver},
    {.id = "qemu.vfio_region_read",
     .pattern = "vfio_region_read({details*}",
     .severity = Severity::Problem,
     .meaning = N_("The GPU's driver refused a read of the guest."),
     .action = kToGuestdriver},
    {.id = "qemu.vfio_recovery",
     .pattern = "Could not enable error recovery for the device",
     .severity = Severity::Harmless,
     .meaning = N_("QEMU cannot be told of bus errors of this device. Everything else works.")},
    {.id = "qemu.vfio_mmap",
     .pattern = "Failed to mmap {device} BAR {bar}. Performance may be slow",
     .severity = Severity::Warning,
     .meaning = N_("The memory of {device} could not be mapped: it is slow."),
     .action = N_("Something else holds the GPU's memory, most often the firmware's picture: try "
                  "initcall_blacklist=sysfb_init (older kernels: video=efifb:off).")},
    {.id = "qemu.vfio_reset",
     .pattern = "Cannot reset device {device}, {reason*}",
     .severity = Severity::Warning,
     .meaning = N_("{device} cannot be reset by itself: it may not work in a second run."),
     .action = kToAmdreset},
    {.id = "qemu.vfio_d3",
     .pattern = "Unable to power on device, stuck in D3",
     .severity = Severity::Problem,
     .meaning = N_("The device does not wake up."),
     .action = kToAmdreset},
    {.id = "qemu.gl_backend",
     .pattern = "The display backend does not have OpenGL support enabled",
     .severity = Severity::Problem,
     .meaning = N_("A GPU with OpenGL was asked for, and the display has none."),
     .action = kToGl},
    {.id = "qemu.egl_node",
     .pattern = "egl: no drm render node available",
     .severity = Severity::Problem,
     .meaning = N_("QEMU found no GPU to draw the display with."),
     .action = kToRendernode},
    {.id = "qemu.egl_initialise",
     .pattern = "egl: eglInitialize failed",
     .severity = Severity::Problem,
     .meaning = N_("OpenGL could not start on the chosen GPU."),
     .action = kToRendernode},
    {.id = "qemu.egl_render",
     .pattern = "egl: render node init failed",
     .severity = Severity::Problem,
     .meaning = N_("OpenGL could not start on the chosen GPU."),
     .action = kToRendernode},
    {.id = "qemu.kvm_access",
     .pattern = "Could not access KVM kernel module: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("KVM cannot be used: {reason}."),
     .action = kToKvmperm},
    {.id = "qemu.kvm_initialise",
     .pattern = "failed to initialize kvm: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("KVM cannot be used: {reason}."),
     .action = kToKvmperm},
    {.id = "qemu.kvm_initialise_new",
     .pattern = "failed to initialize KVM: {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("KVM cannot be used: {reason}."),
     .action = kToKvmperm},
    {.id = "qemu.image_lock",
     .pattern = "Failed to get \"write\" lock",
     .severity = Severity::Problem,
     .meaning = N_("The disk image is in use."),
     .action = N_("Another VM has this disk open: stop it.")},
    {.id = "qemu.guest_memory",
     .pattern = "cannot set up guest memory '{name}': {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("The host has not enough free memory for the VM."),
     .action = N_("Give the VM less memory, or close programs.")},
    {.id = "qemu.legacy_unsupported",
     .pattern = "IGD device {device} is unsupported in legacy mode, {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("The old way of handing over an Intel GPU does not exist for this one."),
     .action = kToQemu10},
    {.id = "qemu.legacy_address",
     .pattern = "IGD device {device} cannot support legacy mode due to existing devices at address "
                "{address}",
     .severity = Severity::Problem,
     .meaning = N_("The old way of handing over an Intel GPU does not work with q35 in this QEMU."),
     .action = kToQemu10},
    {.id = "qemu.pat_quirk",
     .pattern = "KVM does not support disabling ignore-guest-PAT quirk",
     .severity = Severity::Problem,
     .meaning = N_("This kernel lacks what honor-guest-pat needs."),
     .action = N_("Take honor-guest-pat=on away, or use a newer kernel.")},
    {.id = "qemu.cpu_feature",
     .pattern = "host doesn't support requested feature: {feature*}",
     .severity = Severity::Note,
     .meaning =
         N_("The VM asked for a CPU feature that this CPU or KVM lacks, and goes without it.")},
    {.id = "qemu.terminated",
     .pattern = "terminating on signal {signal} from pid {pid*}",
     .severity = Severity::Note,
     .meaning = N_("Something told QEMU to end (signal {signal}).")},
};

}  // namespace

std::span<const LogMessage> qemu_messages() { return kMessages; }

}  // namespace cleave
