// Lines as kernels print them: each pattern was compared with the source that prints it, by
// tests/oracle/log_patterns.py. Here stand those that differ from what one would expect, and what
// the summary makes of some of them.
#include <gtest/gtest.h>

#include "analysis/explain/log_messages/message.h"
#include "analysis/log_summary.h"

namespace cleave {
namespace {

struct Line {
  const char* text;
  const char* id;
  Severity severity;
};

constexpr Line kLines[] = {
    {"DMAR: Parse DMAR table failure.", "log.dmar_parse_failed", Severity::Problem},
    {"DMAR: parse DMAR table failure.", "log.dmar_parse_failed_old", Severity::Problem},
    {"Kernel panic - not syncing: DMAR hardware is malfunctioning", "log.dmar_malfunction",
     Severity::Problem},
    {"pci 0000:00:02.0: DMAR: Skip IOMMU disabling for graphics", "log.dmar_graphics_kept",
     Severity::Harmless},
    {"DMAR: [DMA Read PASID 0x1] Request device [00:02.0] fault addr 0x0 [fault reason 0x5d] SM: P",
     "log.dmar_fault_read_pasid", Severity::Warning},
    {"INTR-REMAP: Request device [[f0:1f.0] fault index 22", "log.dmar_fault_interrupt_old",
     Severity::Warning},
    {"DMAR:[DMA Write] Request device [00:02.0] fault addr fffff000", "log.dmar_fault_write",
     Severity::Warning},
    {"x2apic: IRQ remapping doesn't support X2APIC mode", "log.dmar_ir_no_x2apic",
     Severity::Harmless},
    {"vfio-pci 0000:01:00.0: Failed to add to iommu group 1: -16", "log.iommu_group_failed",
     Severity::Problem},
    {"ACPI: Reserving IVRS table memory at [mem 0xbbfbc000-0xbbfbc1a3]", "log.ivrs_reserving",
     Severity::Good},
    {"AMD-Vi: Unknown option - 'pt'", "log.amd_unknown_option", Severity::Warning},
    {"AMD-Vi: IVRS table error: AE_BAD_CHECKSUM", "log.amd_ivrs_error", Severity::Problem},
    {"pci 0000:00:00.2: AMD-Vi: Unable to write to IOMMU perf counter.", "log.amd_perf_unwritable",
     Severity::Harmless},
    {"AMD-Vi: AMD IOMMU disabled on kernel command-line", "log.amd_off", Severity::Warning},
    {"PCI-DMA: using GART IOMMU.", "log.gart", Severity::Harmless},
    {"DMI: Memory slots populated: 2/4", "log.machine_memory", Severity::Harmless},
    {"nvidia: module license taints kernel.", "log.module_licence_unnamed", Severity::Harmless},
    {"xe 0000:00:02.0: Your graphics device 46a6 is not officially supported", "log.force_probe_xe",
     Severity::Problem},
    {"xe 0000:03:00.0: [drm] PF: Enabled 1 of 1 VF", "log.sriov_enabled", Severity::Good},
    {"xe 0000:03:00.0: [drm] PF: Enabled 2 of 7 VFs", "log.sriov_enabled", Severity::Good},
    {"xe 0000:03:00.0: [drm] PF: Failed to enable 1 VF (-ENOSPC)", "log.sriov_enable_failed_one",
     Severity::Problem},
    {"xe 0000:03:00.0: [drm] Tile0: GT0: Using GuC firmware from xe/bmg_guc_70.bin version 70.44.1",
     "log.guc_loaded_xe", Severity::Note},
    {"xe 0000:00:02.0: [drm] GuC firmware i915/adlp_guc_70.bin: fetch failed with error -2",
     "log.guc_fetch_failed_xe", Severity::Warning},
    {"platform regulatory.0: Direct firmware load for regulatory.db failed with error -2",
     "log.firmware_missing", Severity::Harmless},
    {"i915 0000:00:02.0: Direct firmware load for i915/kbl_dmc_ver1_04.bin failed with error -2",
     "log.firmware_missing_i915", Severity::Warning},
    {"i915 0000:00:02.0: Direct firmware load for "
     "i915/gvt/vid_0x8086_did_0x9b41_rid_0x02.golden_hw_state failed with error -2",
     "log.gvt_golden_state", Severity::Harmless},
    {"[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring gfx_0.1.0 timeout, but soft recovered",
     "log.amdgpu_ring_recovered", Severity::Warning},
    {"amdgpu 0000:0b:00.0: GPU reset(2) failed", "log.amdgpu_reset_failed", Severity::Problem},
    {"amdgpu 0000:0b:00.0: amdgpu: GPU reset(4) succeeded!", "log.amdgpu_reset_succeeded",
     Severity::Note},
    {"amdgpu 0000:0b:00.0: amdgpu: [gfxhub0] no-retry page fault (src_id:0 ring:24 vmid:3)",
     "log.amdgpu_page_fault_gfxhub0_no_retry", Severity::Warning},
    {"SVM disabled (by BIOS) in MSR_VM_CR", "log.kvm_svm_disabled_boot", Severity::Problem},
    {"kvm_amd: SVM disabled (by BIOS) in MSR_VM_CR on CPU 3", "log.kvm_svm_disabled",
     Severity::Problem},
    {"kvm [21715]: vcpu1 unhandled rdmsr: 0x611", "log.kvm_unhandled_rdmsr_old", Severity::Warning},
    {"kvm: kvm [21715]: vcpu1, guest rIP: 0xfffff800 Unhandled RDMSR(0x611)",
     "log.kvm_unhandled_rdmsr_new", Severity::Warning},
    {"kvm [21715]: vcpu1, guest rIP: 0xfffff800 ignored wrmsr: 0x1c9 data 0x3",
     "log.kvm_ignored_wrmsr_vcpu", Severity::Harmless},
    {"x86/split lock detection: #AC: crashing the kernel on kernel split_locks and warning on "
     "user-space split_locks",
     "log.split_lock_mode", Severity::Note},
    {"x86/split lock detection: #AC: CPU 0/KVM/4711 took a split_lock trap at address: 0x7ff",
     "log.kvm_split_lock", Severity::Warning},
    {"vfio_bar_restore: 0000:01:00.0 reset recovery - restoring BARs", "log.vfio_restoring_old",
     Severity::Warning},
    {"vfio-pci 0000:01:00.0: Unable to change power state from D3cold to D0, device inaccessible",
     "log.vfio_power", Severity::Problem},
    {"gvt: vgpu 1: MI_STORE_REGISTER_MEM handler error", "log.gvt_handler", Severity::Problem},
    {"gvt: len is not valid:  len=3  valid_len=4", "log.gvt_length", Severity::Problem},
    {"modprobe: ERROR: could not insert 'kvmgt': No such device", "log.gvt_module_refused",
     Severity::Problem},
    {"-bash: echo: write error: No space left on device", "log.gvt_write_no_room",
     Severity::Problem},
};

TEST(LogLines, AreRecognisedAsKernelsPrintThem) {
  const LogMatcher matcher(kernel_messages());
  for (const Line& line : kLines) {
    const auto match = matcher.match(line.text);
    ASSERT_TRUE(match.has_value()) << line.text;
    EXPECT_STREQ(match->message->id, line.id) << line.text;
    EXPECT_EQ(match->message->severity, line.severity) << line.text;
  }
}

constexpr std::string_view kTable = "[    0.100000] DMAR: Host address width 39\n";
constexpr std::string_view kLeftOut = "[    0.100000] DMAR: Disable GFX device mapping\n";

TEST(LogLines, IgfxOffLeavesTheGpuOutWhereThereIsSuchAnIommu) {
  const std::string both = std::string(kTable) + std::string(kLeftOut);
  const KernelLogSummary summary = summarise_kernel_log(both);
  ASSERT_TRUE(summary.graphics_excluded.value.has_value());
  EXPECT_TRUE(*summary.graphics_excluded.value);
  EXPECT_EQ(summary.graphics_excluded.evidence.line, 2U);
  // On AMD's machines the parser of the command line says so, too.
  EXPECT_FALSE(summarise_kernel_log(kLeftOut).graphics_excluded.value.has_value());
  // Not on the kernel's list, and left out nevertheless.
  const KernelLogSummary kept = summarise_kernel_log(
      both + "[    0.200000] pci 0000:00:02.0: DMAR: Skip IOMMU disabling for graphics\n");
  EXPECT_TRUE(*kept.graphics_excluded.value);
  // A boot before does not count.
  EXPECT_FALSE(summarise_kernel_log(both + "[    0.000000] Linux version 6.12.0 (a@b)\n")
                   .graphics_excluded.value.has_value());
}

std::string drivers_of(std::string_view log) {
  std::string all;
  for (const GpuDriverFact& fact : summarise_kernel_log(log).gpu_drivers) {
    all += fact.address + "=" + fact.driver + " ";
  }
  return all;
}

TEST(LogLines, VfioHasAGpuOnlyWhereTheDeviceIsOne) {
  EXPECT_EQ(drivers_of("[    0.300000] pci 0000:01:00.0: [10de:1f91] type 00 class 0x030000\n"
                       "[    0.300000] pci 0000:01:00.1: [10de:10fa] type 00 class 0x040300\n"
                       "[    4.100000] vfio-pci 0000:01:00.0: resetting\n"
                       "[    4.100000] vfio-pci 0000:01:00.1: resetting\n"),
            "0000:01:00.0=vfio-pci ");
  EXPECT_EQ(
      drivers_of("[    4.100000] vfio-pci 0000:01:00.1: vgaarb: pci_notify\n"
                 "[    4.100000] vfio-pci 0000:01:00.0: vgaarb: VGA decodes changed: olddecodes\n"),
      "0000:01:00.0=vfio-pci ");
  EXPECT_EQ(drivers_of("[    4.100000] vfio-pci 0000:01:00.0: optimus capabilities: enabled\n"),
            "0000:01:00.0=vfio-pci ");
  EXPECT_EQ(drivers_of("[    4.100000] vfio-pci 0000:02:00.0: resetting\n"), "");
}

TEST(LogLines, ADriverThatSaysNoHasNoGpu) {
  EXPECT_EQ(
      drivers_of("[    4.100000] xe 0000:00:02.0: vgaarb: deactivate vga console\n"
                 "[    4.200000] xe 0000:00:02.0: Your graphics device 46a6 is not officially "
                 "supported\n"
                 "by xe driver in this kernel version. To force Xe probe,\n"),
      "");
}

}  // namespace
}  // namespace cleave
