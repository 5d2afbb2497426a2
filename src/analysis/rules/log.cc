// What went wrong already, as the kernel's log tells it. Other rules ask what will happen; these
// say what did. Advice all of them: the log may be of a time before somebody mended it.
#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "analysis/seen_messages.h"

namespace cleave {
namespace {

// Fails where one of `ids` is in the log. What is not seen is only known of a whole log.
Outcome unless_seen(const Subject& subject, std::initializer_list<std::string_view> ids) {
  const Fact<std::string>& log = subject.facts.kernel_log;
  if (subject.log == nullptr) {
    return Outcome::unknown({missing(log).value_or(Evidence{log.source(), "absent"})});
  }
  if (const SeenMessage* seen = subject.log->first_of(ids)) {
    return Outcome::fail({{log.source(), seen->text}}, {{"count", seen->count}});
  }
  if (!subject.log->whole) return Outcome::unknown({{log.source(), "does not begin at boot"}});
  return Outcome::pass({{log.source(), "not seen"}});
}

Outcome check_kvm_disabled(const Subject& subject) {
  return unless_seen(subject, {"log.kvm_disabled", "log.kvm_disabled_named", "log.kvm_vmx_disabled",
                               "log.kvm_vmx_disabled_outside", "log.kvm_svm_disabled",
                               "log.kvm_svm_disabled_boot"});
}

Outcome check_ignored_registers(const Subject& subject) {
  return unless_seen(subject, {"log.kvm_ignored_rdmsr", "log.kvm_ignored_rdmsr_old",
                               "log.kvm_ignored_rdmsr_short", "log.kvm_ignored_rdmsr_vcpu"});
}

Outcome check_iommu_firmware(const Subject& subject) {
  return unless_seen(subject, {"log.dmar_bios_broken", "log.dmar_bad_rmrr", "log.dmar_failed",
                               "log.dmar_parse_failed", "log.dmar_parse_failed_old",
                               "log.amd_ioapic_missing", "log.amd_ivrs_error"});
}

Outcome check_iommu_faults(const Subject& subject) {
  return unless_seen(
      subject, {"log.dmar_fault_read", "log.dmar_fault_read_no_pasid", "log.dmar_fault_read_pasid",
                "log.dmar_fault_write", "log.dmar_fault_write_no_pasid",
                "log.dmar_fault_write_pasid", "log.amd_page_fault", "log.amd_iotlb_timeout"});
}

Outcome check_interrupt_remapping(const Subject& subject) {
  // Not log.dmar_ir_optout: without x2APIC interrupts are remapped, too ("in xapic mode").
  Outcome off =
      unless_seen(subject, {"log.dmar_ir_failed", "log.amd_ir_disabled", "log.vfio_no_remapping"});
  if (off.kind == OutcomeKind::Fail || subject.log == nullptr) return off;
  if (const SeenMessage* on = subject.log->first_of({"log.dmar_ir_on", "log.amd_ir_on"})) {
    return Outcome::pass({{subject.facts.kernel_log.source(), on->text}});
  }
  return Outcome::unknown({{subject.facts.kernel_log.source(), "says nothing of it"}});
}

Outcome check_gvt_refusal(const Subject& subject) {
  return unless_seen(
      subject, {"log.gvt_unsupported", "log.gvt_in_guest", "log.gvt_guc", "log.gvt_parameter_off",
                "log.gvt_needs_kvm", "log.parameter_enable_gvt"});
}

Outcome check_gvt_room(const Subject& subject) { return unless_seen(subject, {"log.gvt_no_room"}); }

Outcome check_gvt_failsafe(const Subject& subject) {
  return unless_seen(
      subject,
      {"log.gvt_failsafe", "log.gvt_failsafe_driver", "log.gvt_failsafe_internal",
       "log.gvt_failsafe_internal_old", "log.gvt_failsafe_resources", "log.gvt_unknown_command",
       "log.gvt_command_parser", "log.gvt_access_lri", "log.gvt_access_lrm", "log.gvt_access_srm",
       "log.gvt_force_nonpriv", "log.gvt_force_nonpriv_vgpu"});
}

Outcome check_gvt_page_tables(const Subject& subject) {
  return unless_seen(subject, {"log.gvt_page_write", "log.gvt_shadow_page"});
}

Outcome check_memory_lock(const Subject& subject) {
  return unless_seen(subject,
                     {"log.vfio_memlock", "log.vfio_memlock_limit", "log.vfio_memlock_task",
                      "log.vfio_memlock_task_short", "log.vfio_pin_failed", "log.gvt_pin_failed",
                      "log.gvt_pin_failed_other"});
}

Outcome check_vtd_active(const Subject& subject) {
  return unless_seen(subject, {"log.vtd_active"});
}

Outcome check_hang(const Subject& subject) {
  return unless_seen(
      subject, {"log.gpu_hang", "log.gpu_reset_hang", "log.amdgpu_ring_timeout", "log.amdgpu_fatal",
                "log.amdgpu_reset_failed", "log.nvidia_off_bus", "log.nvidia_xid"});
}

Outcome check_underrun(const Subject& subject) {
  return unless_seen(subject, {"log.fifo_underrun"});
}

Outcome check_driver_start(const Subject& subject) {
  return unless_seen(
      subject,
      {"log.probe_failed_i915", "log.probe_with_failed_i915", "log.probe_failed_xe",
       "log.probe_with_failed_xe", "log.probe_failed_amdgpu", "log.probe_with_failed_amdgpu",
       "log.probe_failed_nouveau", "log.probe_with_failed_nouveau", "log.probe_failed_nvidia",
       "log.probe_with_failed_nvidia", "log.nvidia_mismatch", "log.nvidia_no_gpu"});
}

Outcome check_firmware_files(const Subject& subject) {
  return unless_seen(subject, {"log.guc_failed", "log.guc_fetch_failed", "log.guc_fetch_failed_xe",
                               "log.guc_incompatible", "log.dmc_failed"});
}

Outcome check_sriov_refusal(const Subject& subject) {
  return unless_seen(subject, {"log.sriov_unavailable", "log.sriov_enable_failed",
                               "log.sriov_enable_failed_one", "log.parameter_max_vfs"});
}

Outcome check_vfio(const Subject& subject) {
  return unless_seen(
      subject, {"log.vfio_bar_held", "log.vfio_blocked", "log.vfio_not_ready",
                "log.vfio_probe_failed", "log.vfio_probe_with_failed", "log.dmar_rmrr_ineligible"});
}

Outcome check_rejected_modules(const Subject& subject) {
  return unless_seen(subject, {"log.module_rejected_key", "log.module_rejected_unsigned",
                               "log.module_unknown_symbol", "log.module_symbol_version"});
}

constexpr Rule kRules[] = {
    {.id = "log.kvm_disabled_by_firmware",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Firmware,
     .title = N_("The firmware lets KVM run"),
     .why = N_("The kernel says that the firmware (BIOS) switched virtualisation off. Without it "
               "there is no KVM, no GVT-g and no passthrough."),
     .remedy = N_("Switch on “Intel Virtualization Technology” (VT-x) or “SVM Mode” in the "
                  "firmware's setup, and power off once."),
     .check = check_kvm_disabled},
    {.id = "log.kvm_ignored_registers",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Cleave,
     .title = N_("KVM does not fill the log with registers that guests read"),
     .why = N_("“ignored rdmsr” is in the log, {count} times: a guest reads registers that KVM has "
               "not. That is harmless."),
     .remedy = N_("For a quiet log: kvm.report_ignored_msrs=0 on the kernel's command line."),
     .check = check_ignored_registers},
    {.id = "log.iommu_firmware_errors",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Firmware,
     .title = N_("The kernel finds the firmware's description of the IOMMU in order"),
     .why = N_("The kernel complains of the IOMMU's tables (DMAR, IVRS). It may have left the "
               "IOMMU off, or devices without protection."),
     .remedy = N_("Look for an update of the firmware. `cleave explain` on the kernel's log says "
                  "what each line means."),
     .check = check_iommu_firmware},
    {.id = "log.iommu_faults",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("No device reaches for memory that is not its own"),
     .why = N_("The IOMMU stopped a device that reached for memory it was not given. A few such "
               "lines when a VM takes over a GPU are normal; a stream of them is not."),
     .remedy = N_("Find the device in the line. For flicker of Intel's graphics: "
                  "intel_iommu=on,igfx_off (then the GPU cannot be passed as a whole)."),
     .check = check_iommu_faults},
    {.id = "log.interrupt_remapping",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Firmware,
     .title = N_("Interrupts of devices are remapped, too"),
     .why = N_("Without interrupt remapping a device that a VM has can send interrupts to the "
               "host: VFIO refuses whole devices unless it is told to take the risk. GVT-g does "
               "not need it."),
     .remedy =
         N_("Switch on VT-d with interrupt remapping (x2APIC) in the firmware, or update it."),
     .check = check_interrupt_remapping},
    {.id = "log.gvt_g_refused",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Cleave,
     .title = N_("i915 does not refuse GVT-g in its log"),
     .why = N_("i915 says itself why there is no GVT-g: see the line."),
     .remedy = N_("`cleave explain` on the kernel's log says what the line means, and what to do."),
     .check = check_gvt_refusal},
    {.id = "log.gvt_g_no_room",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Every vGPU that was asked for found room"),
     .why = N_("A vGPU was asked for that did not fit: the GPU's aperture, hidden memory or fences "
               "were used up (“No space left on device”)."),
     .remedy = N_("Take a smaller type, or remove a vGPU: cleave vgpu types, cleave vgpu list."),
     .check = check_gvt_room},
    {.id = "log.gvt_g_guest_rejected",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("GVT-g gets on with the guest's driver"),
     .why = N_("GVT-g refused what a guest's driver did, or put its vGPU into failsafe mode: "
               "Windows drivers that are newer than GVT-g do such things, and Windows 7 does on a "
               "type V5_8."),
     .remedy = N_("Restart the VM with an older Intel driver (25.20.100.6471 is known to work), a "
                  "larger vGPU type, machine type q35, or a Linux guest."),
     .check = check_gvt_failsafe},
    {.id = "log.gvt_g_page_tables",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Nobody,
     .title = N_("The guest's driver does not write page tables behind GVT-g's back"),
     .why = N_("A Windows driver used pages again without telling GVT-g (“guest page write "
               "error”). All guests with a vGPU freeze then, and often the host."),
     .remedy = N_("There is no remedy on the host. Save your work before such a guest runs; take "
                  "an older Windows driver, or a Linux guest."),
     .check = check_gvt_page_tables},
    {.id = "log.memory_lock_exceeded",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Cleave,
     .title = N_("Guests' memory could be locked"),
     .why = N_("A guest's pages could not be locked: the limit for locked memory (RLIMIT_MEMLOCK) "
               "was reached. The guest's GPU hangs after that."),
     .remedy = N_("Raise the limit for the user who runs QEMU above the guest's memory; cleave vm "
                  "start does so for VMs that root starts."),
     .check = check_memory_lock},
    {.id = "log.graphics_under_iommu",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("i915 does not work around the IOMMU"),
     .why = N_("i915 says “VT-d active for gfx access”. That is normal; one report ties it to "
               "Windows guests whose driver does not start (code 43) on a vGPU."),
     .remedy = N_("Only if a Windows guest shows code 43: try intel_iommu=on,igfx_off."),
     .check = check_vtd_active},
    {.id = "log.gpu_hang",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The GPU has not hung"),
     .why = N_("The GPU hung, or was reset. With GVT-g on, the firmwares GuC and HuC are known to "
               "cause that on Coffee Lake and Comet Lake from Linux 5.12 on."),
     .remedy = N_("Put i915.enable_guc=0 on the kernel's command line for GVT-g; otherwise look at "
                  "what ran when it happened."),
     .check = check_hang},
    {.id = "log.display_underrun",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The display gets its pixels in time"),
     .why = N_("“FIFO underrun”: the screen flickered, for its pixels came too late. On Skylake to "
               "Comet Lake that comes with an IOMMU that translates for graphics."),
     .remedy = N_("Try intel_iommu=on,igfx_off (then the GPU cannot be passed as a whole), or "
                  "i915.enable_psr=0."),
     .check = check_underrun},
    {.id = "log.gpu_driver_failed",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The GPU's driver came up"),
     .why = N_("A GPU's driver gave up while it started. Without it there is no render node and no "
               "sharing."),
     .remedy = N_("`cleave explain` on the kernel's log says what the line means."),
     .check = check_driver_start},
    {.id = "log.gpu_firmware_failed",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The GPU's firmware files were found and fit"),
     .why = N_("The driver could not load one of the GPU's firmwares. SR-IOV needs the GuC; GVT-g "
               "needs none of them."),
     .remedy = N_("Install linux-firmware (firmware-misc-nonfree on Debian) and rebuild the "
                  "initramfs."),
     .check = check_firmware_files},
    {.id = "log.sr_iov_refused",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The driver does not refuse SR-IOV in its log"),
     .why = N_("The driver says itself why there are no virtual functions: see the line."),
     .remedy = N_("`cleave explain` on the kernel's log says what the line means, and what to do."),
     .check = check_sriov_refusal},
    {.id = "log.vfio_errors",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("VFIO could hand over every device it was asked for"),
     .why = N_("VFIO could not hand over a device: see the line. Often the firmware's framebuffer "
               "holds the GPU's memory, or the firmware reserves memory for the device."),
     .remedy = N_("`cleave explain` on the kernel's log says what the line means, and what to do."),
     .check = check_vfio},
    {.id = "log.modules_rejected",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The kernel took every module"),
     .why = N_("The kernel refused a module: not signed with a key it trusts, or built for another "
               "kernel."),
     .remedy = N_("Enrol the key of DKMS (mokutil --import), install linux-modules-extra on "
                  "Ubuntu, or build the module again for this kernel."),
     .check = check_rejected_modules},
};

}  // namespace

std::span<const Rule> log_rules() { return kRules; }

}  // namespace cleave
