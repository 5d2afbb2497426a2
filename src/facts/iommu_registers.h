// What an IOMMU says about itself: its capability registers, as sysfs shows them
// (Documentation/ABI/testing/sysfs-class-iommu-intel-iommu, …-amd-iommu).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "facts/fact.h"

namespace cleave {

// CAP_REG, VT-d specification 10.4.2. `raw` keeps the bits that have no member.
struct VtdCapabilities {
  std::uint64_t raw = 0;
  std::uint32_t domains = 0;                 // ND: how many domains it can tell apart
  bool write_buffer_flushing = false;        // RWBF
  bool protected_low_memory = false;         // PLMR
  bool protected_high_memory = false;        // PHMR
  bool caching_mode = false;                 // CM: set by emulated IOMMUs, not by hardware
  std::uint8_t guest_address_widths = 0;     // SAGAW: bit 1: 39, bit 2: 48, bit 3: 57 bits
  std::uint8_t max_guest_address_bits = 0;   // MGAW, 1 to 64
  bool zero_length_read = false;             // ZLR
  std::uint32_t fault_recording_offset = 0;  // FRO, bytes
  std::uint8_t large_pages = 0;              // SSLPS: bit 0: 2 MiB, bit 1: 1 GiB
  bool page_selective_invalidation = false;  // PSI
  std::uint16_t fault_recording_count = 0;   // NFR, 1 to 256
  std::uint8_t max_address_mask = 0;         // MAMV
  bool write_draining = false;               // DWD
  bool read_draining = false;                // DRD
  bool first_stage_1gib_pages = false;       // FS1GP
  bool posted_interrupts = false;            // PI
  bool first_stage_5_levels = false;         // FS5LP
  bool enhanced_commands = false;            // ECMDS
  bool enhanced_interrupt_pointer = false;   // ESIRTPS
  bool enhanced_root_table_pointer = false;  // ESRTPS

  bool operator==(const VtdCapabilities&) const = default;
};

// ECAP_REG, 10.4.3.
struct VtdExtendedCapabilities {
  std::uint64_t raw = 0;
  bool page_walk_coherency = false;           // C
  bool queued_invalidation = false;           // QI
  bool device_tlb = false;                    // DT: ATS
  bool interrupt_remapping = false;           // IR
  bool extended_interrupt_mode = false;       // EIM: x2APIC
  bool pass_through = false;                  // PT
  bool snoop_control = false;                 // SC
  std::uint32_t iotlb_offset = 0;             // IRO, bytes
  std::uint8_t max_handle_mask = 0;           // MHMV
  bool memory_types = false;                  // MTS
  bool nested_translation = false;            // NEST
  bool page_requests = false;                 // PRS
  bool execute_requests = false;              // ERS
  bool supervisor_requests = false;           // SRS
  bool no_write_flag = false;                 // NWFS
  bool extended_accessed_flag = false;        // EAFS
  std::uint8_t pasid_bits = 0;                // PSS + 1; 0 without PASID
  bool pasid = false;                         // PASID
  bool invalidation_throttling = false;       // DIT
  bool page_request_draining = false;         // PDS
  bool scalable_mode = false;                 // SMTS
  bool virtual_commands = false;              // VCS
  bool second_stage_accessed_dirty = false;   // SSADS
  bool second_stage = false;                  // SSTS
  bool first_stage = false;                   // FSTS
  bool scalable_page_walk_coherency = false;  // SMPWCS
  bool rid_pasid = false;                     // RPS
  bool performance_monitoring = false;        // PMS

  bool operator==(const VtdExtendedCapabilities&) const = default;
};

// The first word of the PCI capability, AMD specification 48882, 3.2.1.
struct AmdIommuCapability {
  std::uint32_t raw = 0;
  std::uint8_t id = 0;        // 0Fh: a secure device
  std::uint8_t type = 0;      // 3: IOMMU
  std::uint8_t revision = 0;  // 1
  bool remote_iotlb = false;  // IotlbSup
  bool ht_tunnel = false;
  bool not_present_cache = false;  // NpCache: set by emulated IOMMUs
  bool extended_features = false;  // EFRSup
  bool extension = false;          // CapExt

  bool operator==(const AmdIommuCapability&) const = default;
};

// The Extended Feature Register, 3.4.9.
struct AmdIommuFeatures {
  std::uint64_t raw = 0;
  bool prefetch = false;                         // PreFSup
  bool page_requests = false;                    // PPRSup
  bool x2apic = false;                           // XTSup
  bool no_execute = false;                       // NXSup
  bool guest_translation = false;                // GTSup
  bool invalidate_all = false;                   // IASup
  bool guest_apic = false;                       // GASup
  bool hardware_error = false;                   // HESup
  bool performance_counters = false;             // PCSup
  std::uint8_t host_levels = 0;                  // HATS: 4, 5 or 6 levels; 0: reserved value
  std::uint8_t guest_levels = 0;                 // GATS: 4, 5 or 6 levels; 0: reserved value
  bool guest_virtual_apic = false;               // GAMSup
  std::uint8_t pasid_bits = 0;                   // PASmax + 1; 0 without guest translation
  bool guest_io = false;                         // GIoSup
  bool host_access_flag = false;                 // HASup
  bool enhanced_page_requests = false;           // EPHSup
  bool host_dirty_flag = false;                  // HDSup
  bool secure_nested_paging = false;             // SNPSup
  std::optional<std::uint64_t> second_register;  // EFR2, where the kernel shows it

  bool operator==(const AmdIommuFeatures&) const = default;
};

VtdCapabilities decode_vtd_capabilities(std::uint64_t raw);
VtdExtendedCapabilities decode_vtd_extended_capabilities(std::uint64_t raw);
AmdIommuCapability decode_amd_iommu_capability(std::uint32_t raw);
AmdIommuFeatures decode_amd_iommu_features(std::uint64_t raw);

// The texts of the attributes: hexadecimal without "0x". Empty if they are something else.
std::optional<VtdCapabilities> parse_vtd_capabilities(std::string_view text);
std::optional<VtdExtendedCapabilities> parse_vtd_extended_capabilities(std::string_view text);
std::optional<AmdIommuCapability> parse_amd_iommu_capability(std::string_view text);
// One register, or two with a colon between, whose order changed with Linux 6.7.
std::optional<AmdIommuFeatures> parse_amd_iommu_features(std::string_view text);

// One IOMMU that the kernel uses.
struct IommuUnit {
  std::string name;                                     // "dmar0", "ivhd0"
  Fact<VtdCapabilities> capabilities;                   // absent: none of Intel's
  Fact<VtdExtendedCapabilities> extended_capabilities;  // absent: none of Intel's
  Fact<std::uint64_t> register_base_address;            // absent: none of Intel's
  Fact<AmdIommuCapability> amd_capability;              // absent: none of AMD's
  Fact<AmdIommuFeatures> amd_features;                  // absent: none of AMD's
};

}  // namespace cleave
