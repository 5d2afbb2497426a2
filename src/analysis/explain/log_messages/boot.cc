// How the system started. Texts: init/main.c, kernel/module/main.c and signing.c, kernel/params.c,
// security/lockdown/lockdown.c, drivers/firmware/efi/secureboot.c, drivers/video/fbdev/efifb.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr const char* kToMok =
    N_("Nothing for GVT-g, VFIO and the kernel's own SR-IOV. A module built by DKMS needs its key "
       "enrolled (mokutil --import) and a person at the next boot.");
constexpr const char* kToRebuild =
    N_("Rebuild it for the running kernel (dkms autoinstall), or install the package that belongs "
       "to this kernel.");

constexpr LogMessage kMessages[] = {
    {.id = "log.linux_version",
     .pattern = "Linux version {release} {build*}",
     .severity = Severity::Note,
     .meaning = N_("The kernel that wrote this log is {release}.")},
    {.id = "log.command_line",
     .pattern = "Command line: {arguments*}",
     .severity = Severity::Note,
     .meaning = N_("What the boot loader told the kernel. Words here are wishes; whether they "
                   "worked stands further down.")},
    {.id = "log.kernel_command_line",
     .pattern = "Kernel command line: {arguments*}",
     .severity = Severity::Note,
     .meaning = N_("The same command line again, as the kernel uses it.")},
    {.id = "log.unknown_parameters",
     .pattern = "Unknown kernel command line parameters {parameters*}",
     .severity = Severity::Harmless,
     .meaning = N_("The kernel does not know these words and hands them to the first program. For "
                   "splash and BOOT_IMAGE that is as it should be."),
     .action = N_("If one of them was meant for the kernel, look for a spelling mistake.")},
    {.id = "log.machine",
     .pattern = "DMI: {machine*}",
     .severity = Severity::Note,
     .meaning = N_("The machine and its firmware: {machine}.")},
    {.id = "log.machine_memory",
     .pattern = "DMI: Memory slots populated: {slots}",
     .severity = Severity::Harmless,
     .meaning = N_("How many of the machine's memory slots are in use: {slots}.")},
    {.id = "log.hypervisor",
     .pattern = "Hypervisor detected: {hypervisor*}",
     .severity = Severity::Warning,
     .meaning = N_("This system is itself a VM ({hypervisor}): it sees only the GPU that its own "
                   "host gives it."),
     .action = N_("Share the GPU on the outer host, not here.")},
    {.id = "log.secure_boot_on",
     .pattern = "Secure boot enabled",
     .severity = Severity::Note,
     .meaning = N_(
         "Secure Boot is on: the kernel's own drivers load, self-built ones need an enrolled key."),
     .action = kToMok},
    {.id = "log.secure_boot_off",
     .pattern = "Secure boot disabled",
     .severity = Severity::Note,
     .meaning = N_("Secure Boot is off: it stops no driver.")},
    {.id = "log.secure_boot_unknown",
     .pattern = "Secure boot could not be determined",
     .severity = Severity::Note,
     .meaning = N_("The firmware did not tell whether Secure Boot is on.")},
    {.id = "log.locked_down",
     .pattern = "Kernel is locked down from {reason*}",
     .severity = Severity::Note,
     .meaning =
         N_("The kernel is locked down: no unsigned modules, no raw access to memory and devices."),
     .action = kToMok},
    {.id = "log.lockdown_refused",
     .pattern = "Lockdown: {program}: {operation*}",
     .severity = Severity::Warning,
     .meaning = N_("The locked-down kernel refused something to {program}."),
     .action = kToMok},
    {.id = "log.module_unsigned",
     .pattern = "module verification failed: signature and/or required key missing",
     .severity = Severity::Harmless,
     .meaning = N_("A module without a signature that this kernel knows was loaded nevertheless: "
                   "usually one built by DKMS. It works, and marks the kernel as tainted.")},
    {.id = "log.module_out_of_tree",
     .pattern = "loading out-of-tree module taints kernel.",
     .severity = Severity::Harmless,
     .meaning = N_("A module that is not part of this kernel was loaded. It works, and marks the "
                   "kernel as tainted.")},
    {.id = "log.module_licence",
     .pattern = "module license '{licence}' taints kernel.",
     .severity = Severity::Harmless,
     .meaning = N_("A module with the licence {licence} was loaded. It works, and marks the kernel "
                   "as tainted.")},
    {.id = "log.module_licence_unnamed",
     .pattern = "module license taints kernel.",
     .severity = Severity::Harmless,
     .meaning = N_("A module was loaded whose licence is not the kernel's. It works, and marks the "
                   "kernel as tainted.")},
    {.id = "log.module_rejected_unsigned",
     .pattern = "Loading of unsigned module is rejected",
     .severity = Severity::Problem,
     .meaning = N_("Secure Boot or lockdown refused a module without a signature."),
     .action = kToMok},
    {.id = "log.module_rejected_key",
     .pattern = "Loading of module with unavailable key is rejected",
     .severity = Severity::Problem,
     .meaning = N_("Secure Boot refused a module whose key is not enrolled."),
     .action = kToMok},
    {.id = "log.module_unknown_symbol",
     .pattern = "Unknown symbol {symbol} (err {error})",
     .severity = Severity::Problem,
     .meaning = N_("A module does not fit this kernel: {symbol} is missing. It was not loaded."),
     .action = kToRebuild},
    {.id = "log.module_symbol_version",
     .pattern = "disagrees about version of symbol {symbol}",
     .severity = Severity::Problem,
     .meaning = N_("A module was built for another kernel ({symbol} differs). It was not loaded."),
     .action = kToRebuild},
    {.id = "log.module_blacklisted",
     .pattern = "Module {module} is blacklisted",
     .severity = Severity::Note,
     .meaning = N_("The command line forbids the module {module}.")},
    {.id = "log.parameter_enable_gvt",
     .pattern = "i915: unknown parameter 'enable_gvt' ignored",
     .severity = Severity::Problem,
     .meaning = N_("This i915 driver does not know enable_gvt: the kernel was built without GVT-g, "
                   "or another i915 (i915-sriov-dkms) replaces it."),
     .action = N_("Use a kernel with CONFIG_DRM_I915_GVT_KVMGT, and only one i915 driver.")},
    {.id = "log.parameter_max_vfs",
     .pattern = "i915: unknown parameter 'max_vfs' ignored",
     .severity = Severity::Problem,
     .meaning =
         N_("This i915 driver does not know max_vfs: it is the kernel's own, which has no SR-IOV."),
     .action = N_("For SR-IOV on this GPU: xe of Linux 6.17 or newer, or i915-sriov-dkms for the "
                  "running kernel.")},
    {.id = "log.parameter_unknown",
     .pattern = "unknown parameter '{parameter}' ignored",
     .severity = Severity::Warning,
     .meaning = N_("A module does not know its parameter {parameter} and ignores it."),
     .action = N_("Correct the word on the kernel's command line.")},
    {.id = "log.efifb",
     .pattern = "efifb: framebuffer at {address}, using {size*}",
     .severity = Severity::Note,
     .meaning = N_("The firmware's picture is shown by efifb at {address} until the GPU's driver "
                   "takes over.")},
    {.id = "log.simpledrm",
     .pattern = "Initialized simpledrm {version*}",
     .severity = Severity::Note,
     .meaning =
         N_("The firmware's picture is shown by simpledrm until the GPU's driver takes over.")},
};

}  // namespace

std::span<const LogMessage> boot_messages() { return kMessages; }

}  // namespace cleave
