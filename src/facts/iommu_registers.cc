#include "facts/iommu_registers.h"

#include "base/text.h"

namespace cleave {
namespace {

bool bit(std::uint64_t raw, unsigned index) { return ((raw >> index) & 1U) != 0; }

// Bits `high` to `low`, both included.
std::uint32_t bits(std::uint64_t raw, unsigned high, unsigned low) {
  const std::uint64_t mask = (std::uint64_t{1} << (high - low + 1)) - 1;
  return static_cast<std::uint32_t>((raw >> low) & mask);
}

std::uint8_t small_bits(std::uint64_t raw, unsigned high, unsigned low) {
  return static_cast<std::uint8_t>(bits(raw, high, low));
}

// HATS and GATS: 0, 1, 2 mean 4, 5, 6 levels; 3 is reserved.
std::uint8_t levels(std::uint32_t field) {
  return static_cast<std::uint8_t>(field == 3 ? 0 : field + 4);
}

}  // namespace

VtdCapabilities decode_vtd_capabilities(std::uint64_t raw) {
  return {.raw = raw,
          .domains = 1U << (4 + 2 * bits(raw, 2, 0)),
          .write_buffer_flushing = bit(raw, 4),
          .protected_low_memory = bit(raw, 5),
          .protected_high_memory = bit(raw, 6),
          .caching_mode = bit(raw, 7),
          .guest_address_widths = small_bits(raw, 12, 8),
          .max_guest_address_bits = static_cast<std::uint8_t>(bits(raw, 21, 16) + 1),
          .zero_length_read = bit(raw, 22),
          .fault_recording_offset = bits(raw, 33, 24) * 16,
          .large_pages = small_bits(raw, 37, 34),
          .page_selective_invalidation = bit(raw, 39),
          .fault_recording_count = static_cast<std::uint16_t>(bits(raw, 47, 40) + 1),
          .max_address_mask = small_bits(raw, 53, 48),
          .write_draining = bit(raw, 54),
          .read_draining = bit(raw, 55),
          .first_stage_1gib_pages = bit(raw, 56),
          .posted_interrupts = bit(raw, 59),
          .first_stage_5_levels = bit(raw, 60),
          .enhanced_commands = bit(raw, 61),
          .enhanced_interrupt_pointer = bit(raw, 62),
          .enhanced_root_table_pointer = bit(raw, 63)};
}

VtdExtendedCapabilities decode_vtd_extended_capabilities(std::uint64_t raw) {
  const bool pasid = bit(raw, 40);
  return {.raw = raw,
          .page_walk_coherency = bit(raw, 0),
          .queued_invalidation = bit(raw, 1),
          .device_tlb = bit(raw, 2),
          .interrupt_remapping = bit(raw, 3),
          .extended_interrupt_mode = bit(raw, 4),
          .pass_through = bit(raw, 6),
          .snoop_control = bit(raw, 7),
          .iotlb_offset = bits(raw, 17, 8) * 16,
          .max_handle_mask = small_bits(raw, 23, 20),
          .memory_types = bit(raw, 25),
          .nested_translation = bit(raw, 26),
          .page_requests = bit(raw, 29),
          .execute_requests = bit(raw, 30),
          .supervisor_requests = bit(raw, 31),
          .no_write_flag = bit(raw, 33),
          .extended_accessed_flag = bit(raw, 34),
          .pasid_bits = static_cast<std::uint8_t>(pasid ? bits(raw, 39, 35) + 1 : 0),
          .pasid = pasid,
          .invalidation_throttling = bit(raw, 41),
          .page_request_draining = bit(raw, 42),
          .scalable_mode = bit(raw, 43),
          .virtual_commands = bit(raw, 44),
          .second_stage_accessed_dirty = bit(raw, 45),
          .second_stage = bit(raw, 46),
          .first_stage = bit(raw, 47),
          .scalable_page_walk_coherency = bit(raw, 48),
          .rid_pasid = bit(raw, 49),
          .performance_monitoring = bit(raw, 51)};
}

AmdIommuCapability decode_amd_iommu_capability(std::uint32_t raw) {
  return {.raw = raw,
          .id = small_bits(raw, 7, 0),
          .type = small_bits(raw, 18, 16),
          .revision = small_bits(raw, 23, 19),
          .remote_iotlb = bit(raw, 24),
          .ht_tunnel = bit(raw, 25),
          .not_present_cache = bit(raw, 26),
          .extended_features = bit(raw, 27),
          .extension = bit(raw, 28)};
}

AmdIommuFeatures decode_amd_iommu_features(std::uint64_t raw) {
  const bool guest_translation = bit(raw, 4);
  return {.raw = raw,
          .prefetch = bit(raw, 0),
          .page_requests = bit(raw, 1),
          .x2apic = bit(raw, 2),
          .no_execute = bit(raw, 3),
          .guest_translation = guest_translation,
          .invalidate_all = bit(raw, 6),
          .guest_apic = bit(raw, 7),
          .hardware_error = bit(raw, 8),
          .performance_counters = bit(raw, 9),
          .host_levels = levels(bits(raw, 11, 10)),
          .guest_levels = levels(bits(raw, 13, 12)),
          .guest_virtual_apic = bits(raw, 23, 21) == 1,  // the only value in use
          .pasid_bits = static_cast<std::uint8_t>(guest_translation ? bits(raw, 36, 32) + 1 : 0),
          .guest_io = bit(raw, 48),
          .host_access_flag = bit(raw, 49),
          .enhanced_page_requests = bit(raw, 50),
          .host_dirty_flag = bit(raw, 52),
          .secure_nested_paging = bit(raw, 63),
          .second_register = std::nullopt};
}

std::optional<VtdCapabilities> parse_vtd_capabilities(std::string_view text) {
  const auto raw = parse_hexadecimal<std::uint64_t>(trim(text));
  if (!raw) return std::nullopt;
  return decode_vtd_capabilities(*raw);
}

std::optional<VtdExtendedCapabilities> parse_vtd_extended_capabilities(std::string_view text) {
  const auto raw = parse_hexadecimal<std::uint64_t>(trim(text));
  if (!raw) return std::nullopt;
  return decode_vtd_extended_capabilities(*raw);
}

std::optional<AmdIommuCapability> parse_amd_iommu_capability(std::string_view text) {
  const auto raw = parse_hexadecimal<std::uint32_t>(trim(text));
  if (!raw) return std::nullopt;
  return decode_amd_iommu_capability(*raw);
}

std::optional<AmdIommuFeatures> parse_amd_iommu_features(std::string_view text) {
  text = trim(text);
  const std::size_t colon = text.find(':');
  const auto first = parse_hexadecimal<std::uint64_t>(text.substr(0, colon));
  if (!first) return std::nullopt;
  if (colon == std::string_view::npos) return decode_amd_iommu_features(*first);
  const auto second = parse_hexadecimal<std::uint64_t>(text.substr(colon + 1));
  if (!second) return std::nullopt;
  // drivers/iommu/amd/init.c prints features2:features before Linux 6.7, efr:efr2 since. Bit 6 is
  // IASup in EFR, which every IOMMU with these registers has. In EFR2 it lies inside SNPAVICSup
  // (7:5), of which only 0 and 1 are in use. So it tells which is which.
  constexpr unsigned kInvalidateAll = 6;
  const bool old_order = !bit(*first, kInvalidateAll) && bit(*second, kInvalidateAll);
  AmdIommuFeatures features = decode_amd_iommu_features(old_order ? *second : *first);
  features.second_register = old_order ? *first : *second;
  return features;
}

}  // namespace cleave
