// KVM. Texts: arch/x86/kvm/x86.c, vmx/vmx.c and svm/svm.c, arch/x86/kernel/cpu/feat_ctl.c and
// bus_lock.c.
#include "analysis/explain/log_messages/message.h"

namespace cleave {
namespace {

constexpr const char* kToBiosvirt =
    N_("Switch on Intel VT-x or AMD SVM in the firmware's setup, and power the machine off once.");
constexpr const char* kToNovirt =
    N_("If this is a VM: switch on nested virtualisation on its host. Otherwise look into the "
       "firmware's setup.");
constexpr const char* kToMsrs = N_("Nothing. kvm.report_ignored_msrs=0 keeps the log short.");
constexpr const char* kToMsrsunhandled =
    N_("If a Windows guest with Intel's driver stops: kvm.ignore_msrs=1.");

constexpr LogMessage kMessages[] = {
    {.id = "log.kvm_disabled",
     .pattern = "kvm: disabled by bios",
     .severity = Severity::Problem,
     .meaning =
         N_("The firmware switched virtualisation off: there is no KVM, and VMs are very slow."),
     .action = kToBiosvirt},
    {.id = "log.kvm_disabled_named",
     .pattern = "kvm: support for '{module}' disabled by bios",
     .severity = Severity::Problem,
     .meaning =
         N_("The firmware switched virtualisation off: there is no KVM, and VMs are very slow."),
     .action = kToBiosvirt},
    {.id = "log.kvm_vmx_disabled",
     .pattern = "VMX not enabled (by BIOS) in MSR_IA32_FEAT_CTL on CPU {cpu}",
     .severity = Severity::Problem,
     .meaning =
         N_("The firmware switched virtualisation off: there is no KVM, and VMs are very slow."),
     .action = kToBiosvirt},
    {.id = "log.kvm_vmx_disabled_outside",
     .pattern = "VMX (outside TXT) disabled by BIOS",
     .severity = Severity::Problem,
     .meaning =
         N_("The firmware switched virtualisation off: there is no KVM, and VMs are very slow."),
     .action = kToBiosvirt},
    {.id = "log.kvm_svm_disabled",
     .pattern = "SVM disabled (by BIOS) in MSR_VM_CR on CPU {cpu}",
     .severity = Severity::Problem,
     .meaning =
         N_("The firmware switched virtualisation off: there is no KVM, and VMs are very slow."),
     .action = kToBiosvirt},
    {.id = "log.kvm_svm_disabled_boot",  // Linux 6.7 and newer say it once, while the CPU starts
     .pattern = "SVM disabled (by BIOS) in MSR_VM_CR",
     .severity = Severity::Problem,
     .meaning =
         N_("The firmware switched virtualisation off: there is no KVM, and VMs are very slow."),
     .action = kToBiosvirt},
    {.id = "log.kvm_no_hardware",
     .pattern = "kvm: no hardware support",
     .severity = Severity::Problem,
     .meaning = N_("This CPU (or the VM this system runs in) offers no virtualisation to this "
                   "module; the module for the other maker says so, too."),
     .action = kToNovirt},
    {.id = "log.kvm_vmx_unsupported",
     .pattern = "VMX not supported by CPU {cpu}",
     .severity = Severity::Problem,
     .meaning = N_("The CPU offers no Intel virtualisation (VMX): a VM without nesting, or another "
                   "maker's CPU."),
     .action = kToNovirt},
    {.id = "log.kvm_svm_unsupported",
     .pattern = "SVM not supported by CPU {cpu}, {reason*}",
     .severity = Severity::Problem,
     .meaning = N_("The CPU offers no AMD virtualisation (SVM): a VM without nesting, or another "
                   "maker's CPU."),
     .action = kToNovirt},
    {.id = "log.kvm_nested",
     .pattern = "Nested Virtualization enabled",
     .severity = Severity::Note,
     .meaning = N_("VMs may run VMs of their own.")},
    {.id = "log.kvm_nested_paging",
     .pattern = "Nested Paging enabled",
     .severity = Severity::Good,
     .meaning = N_("KVM uses the CPU's own translation for VMs.")},
    {.id = "log.kvm_ignored_rdmsr",
     .pattern = "ignored rdmsr: {register} {rest*}",
     .severity = Severity::Harmless,
     .meaning = N_("The guest reads a register that KVM does not have; it gets 0. Windows guests "
                   "with Intel's driver do that all the time."),
     .action = kToMsrs},
    {.id = "log.kvm_ignored_rdmsr_short",
     .pattern = "ignored rdmsr: {register}",
     .severity = Severity::Harmless,
     .meaning = N_("The guest reads a register that KVM does not have; it gets 0. Windows guests "
                   "with Intel's driver do that all the time."),
     .action = kToMsrs},
    {.id = "log.kvm_ignored_wrmsr",
     .pattern = "ignored wrmsr: {register*}",
     .severity = Severity::Harmless,
     .meaning = N_("The guest writes a register that KVM does not have; nothing happens."),
     .action = kToMsrs},
    {.id = "log.kvm_ignored_rdmsr_vcpu",
     .pattern = "vcpu{vcpu}, guest rIP: {address} ignored rdmsr: {register*}",
     .severity = Severity::Harmless,
     .meaning = N_("The guest reads a register that KVM does not have; it gets 0. Windows guests "
                   "with Intel's driver do that all the time."),
     .action = kToMsrs},
    {.id = "log.kvm_ignored_rdmsr_old",
     .pattern = "vcpu{vcpu} ignored rdmsr: {register*}",
     .severity = Severity::Harmless,
     .meaning = N_("The guest reads a register that KVM does not have; it gets 0. Windows guests "
                   "with Intel's driver do that all the time."),
     .action = kToMsrs},
    {.id = "log.kvm_ignored_wrmsr_vcpu",
     .pattern = "vcpu{vcpu}, guest rIP: {address} ignored wrmsr: {register*}",
     .severity = Severity::Harmless,
     .meaning = N_("The guest writes a register that KVM does not have; nothing happens."),
     .action = kToMsrs},
    {.id = "log.kvm_ignored_wrmsr_old",
     .pattern = "vcpu{vcpu} ignored wrmsr: {register*}",
     .severity = Severity::Harmless,
     .meaning = N_("The guest writes a register that KVM does not have; nothing happens."),
     .action = kToMsrs},
    {.id = "log.kvm_unhandled_rdmsr",
     .pattern = "unhandled rdmsr: {register*}",
     .severity = Severity::Warning,
     .meaning = N_("The guest uses a register that KVM does not have, and gets an error for it."),
     .action = kToMsrsunhandled},
    {.id = "log.kvm_unhandled_wrmsr",
     .pattern = "unhandled wrmsr: {register*}",
     .severity = Severity::Warning,
     .meaning = N_("The guest uses a register that KVM does not have, and gets an error for it."),
     .action = kToMsrsunhandled},
    {.id = "log.kvm_unhandled_rdmsr_vcpu",
     .pattern = "vcpu{vcpu}, guest rIP: {address} unhandled rdmsr: {register*}",
     .severity = Severity::Warning,
     .meaning = N_("The guest uses a register that KVM does not have, and gets an error for it."),
     .action = kToMsrsunhandled},
    {.id = "log.kvm_unhandled_wrmsr_vcpu",
     .pattern = "vcpu{vcpu}, guest rIP: {address} unhandled wrmsr: {register*}",
     .severity = Severity::Warning,
     .meaning = N_("The guest uses a register that KVM does not have, and gets an error for it."),
     .action = kToMsrsunhandled},
    {.id = "log.kvm_unhandled_rdmsr_old",
     .pattern = "vcpu{vcpu} unhandled rdmsr: {register*}",
     .severity = Severity::Warning,
     .meaning = N_("The guest uses a register that KVM does not have, and gets an error for it."),
     .action = kToMsrsunhandled},
    {.id = "log.kvm_unhandled_wrmsr_old",
     .pattern = "vcpu{vcpu} unhandled wrmsr: {register*}",
     .severity = Severity::Warning,
     .meaning = N_("The guest uses a register that KVM does not have, and gets an error for it."),
     .action = kToMsrsunhandled},
    {.id = "log.kvm_unhandled_rdmsr_new",
     .pattern = "vcpu{vcpu}, guest rIP: {address} Unhandled RDMSR({register})",
     .severity = Severity::Warning,
     .meaning = N_("The guest uses a register that KVM does not have, and gets an error for it."),
     .action = kToMsrsunhandled},
    {.id = "log.kvm_unhandled_wrmsr_new",
     .pattern = "vcpu{vcpu}, guest rIP: {address} Unhandled WRMSR({register}) = {value}",
     .severity = Severity::Warning,
     .meaning = N_("The guest uses a register that KVM does not have, and gets an error for it."),
     .action = kToMsrsunhandled},
    {.id = "log.kvm_unstable_tsc",
     .pattern = "SMP vm created on host with unstable TSC; guest TSC will not be reliable",
     .severity = Severity::Warning,
     .meaning = N_("The host's clock in the CPU is not steady; VMs may have a wrong time.")},
    {.id = "log.kvm_already_loaded",
     .pattern = "already loaded vendor module '{module}'",
     .severity = Severity::Harmless,
     .meaning = N_("KVM is loaded already.")},
    {.id = "log.kvm_l1tf",
     .pattern = "L1TF CPU bug present and SMT on, data leak possible.",
     .severity = Severity::Note,
     .meaning = N_("On this CPU a malicious guest could read the host's memory. For guests that "
                   "you trust it does not matter.")},
    {.id = "log.split_lock_mode",
     .pattern =
         "x86/split lock detection: #AC: crashing the kernel on kernel split_locks and {mode*}",
     .severity = Severity::Note,
     .meaning = N_("What the kernel would do about slow locks of programs and guests. None was "
                   "met yet.")},
    {.id = "log.kvm_split_lock",
     .pattern = "x86/split lock detection: #AC: {task*}",
     .severity = Severity::Warning,
     .meaning = N_("A program or guest uses slow locks, and the kernel brakes it."),
     .action = N_("If the VM is slow: split_lock_detect=off on the host's command line.")},
};

}  // namespace

std::span<const LogMessage> kvm_messages() { return kMessages; }

}  // namespace cleave
