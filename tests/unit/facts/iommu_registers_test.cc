#include "facts/iommu_registers.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

// Values as client machines have them: the GPU's unit of a Skylake generation.
TEST(IommuRegisters, VtdCapabilities) {
  const auto found = parse_vtd_capabilities("1c0000c40660462\n");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->raw, 0x1c0000c40660462U);
  EXPECT_EQ(found->domains, 256U);
  EXPECT_EQ(found->max_guest_address_bits, 39);
  EXPECT_EQ(found->guest_address_widths, 0x4);
  EXPECT_TRUE(found->protected_low_memory);
  EXPECT_TRUE(found->protected_high_memory);
  EXPECT_FALSE(found->caching_mode);
  EXPECT_TRUE(found->zero_length_read);
  EXPECT_EQ(found->fault_recording_offset, 0x400U);
  EXPECT_EQ(found->fault_recording_count, 1);
  EXPECT_EQ(found->large_pages, 3);
  EXPECT_TRUE(found->write_draining);
  EXPECT_TRUE(found->read_draining);
  EXPECT_TRUE(found->first_stage_1gib_pages);
  EXPECT_FALSE(found->posted_interrupts);
}

TEST(IommuRegisters, VtdExtendedCapabilities) {
  const auto found = parse_vtd_extended_capabilities("19e2ff0505e");
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->page_walk_coherency);
  EXPECT_TRUE(found->queued_invalidation);
  EXPECT_TRUE(found->device_tlb);
  EXPECT_TRUE(found->interrupt_remapping);
  EXPECT_TRUE(found->extended_interrupt_mode);
  EXPECT_TRUE(found->pass_through);
  EXPECT_FALSE(found->snoop_control);
  EXPECT_EQ(found->iotlb_offset, 0x500U);
  EXPECT_EQ(found->max_handle_mask, 15);
  EXPECT_FALSE(found->scalable_mode);
  EXPECT_TRUE(found->pasid);
  EXPECT_EQ(found->pasid_bits, 20);
}

// Each bit changes one member at most and none but its own.
TEST(IommuRegisters, EveryBitHasItsPlace) {
  EXPECT_TRUE(decode_vtd_capabilities(std::uint64_t{1} << 59U).posted_interrupts);
  EXPECT_TRUE(decode_vtd_capabilities(std::uint64_t{1} << 7U).caching_mode);
  EXPECT_TRUE(decode_vtd_capabilities(std::uint64_t{1} << 63U).enhanced_root_table_pointer);
  EXPECT_EQ(decode_vtd_capabilities(0x7).domains, 1U << 18U);
  EXPECT_EQ(decode_vtd_capabilities(0x3FULL << 16U).max_guest_address_bits, 64);
  EXPECT_EQ(decode_vtd_capabilities(0x3FFULL << 24U).fault_recording_offset, 0x3FF0U);
  EXPECT_EQ(decode_vtd_capabilities(0xFFULL << 40U).fault_recording_count, 256);
  EXPECT_TRUE(decode_vtd_extended_capabilities(std::uint64_t{1} << 43U).scalable_mode);
  EXPECT_TRUE(decode_vtd_extended_capabilities(std::uint64_t{1} << 46U).second_stage);
  EXPECT_TRUE(decode_vtd_extended_capabilities(std::uint64_t{1} << 47U).first_stage);
  EXPECT_EQ(decode_vtd_extended_capabilities(0x1FULL << 35U).pasid_bits, 0) << "without PASID";
}

TEST(IommuRegisters, AmdCapability) {
  const auto found = parse_amd_iommu_capability("190b640f");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, 0x0F);
  EXPECT_EQ(found->type, 3);
  EXPECT_EQ(found->revision, 1);
  EXPECT_TRUE(found->remote_iotlb);
  EXPECT_FALSE(found->not_present_cache);
  EXPECT_TRUE(found->extended_features);
  EXPECT_TRUE(found->extension);
}

// "PPR X2APIC NX GT IA GA PC GA_vAPIC", as Linux prints of this value.
TEST(IommuRegisters, AmdFeatures) {
  const auto found = parse_amd_iommu_features("246577efa2254afa");
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->prefetch);
  EXPECT_TRUE(found->page_requests);
  EXPECT_FALSE(found->x2apic);
  EXPECT_TRUE(found->no_execute);
  EXPECT_TRUE(found->guest_translation);
  EXPECT_TRUE(found->invalidate_all);
  EXPECT_TRUE(found->guest_apic);
  EXPECT_FALSE(found->hardware_error);
  EXPECT_TRUE(found->performance_counters);
  EXPECT_EQ(found->host_levels, 6);
  EXPECT_EQ(found->guest_levels, 4);
  EXPECT_TRUE(found->guest_virtual_apic);
  EXPECT_EQ(found->pasid_bits, 16);
  EXPECT_FALSE(found->secure_nested_paging);
  EXPECT_EQ(found->second_register, std::nullopt);
}

TEST(IommuRegisters, AmdFeaturesOfBothOrders) {
  const auto old_kernel = parse_amd_iommu_features("10:246577efa2254afa\n");
  const auto new_kernel = parse_amd_iommu_features("246577efa2254afa:10");
  ASSERT_TRUE(old_kernel && new_kernel);
  EXPECT_EQ(*old_kernel, *new_kernel);
  EXPECT_EQ(new_kernel->raw, 0x246577efa2254afaU);
  EXPECT_EQ(new_kernel->second_register, 0x10U);
  EXPECT_EQ(parse_amd_iommu_features("0:58f77ef22294ade")->raw, 0x58f77ef22294adeU);
}

TEST(IommuRegisters, RefuseOtherTexts) {
  for (const char* text : {"", "x", "1 2", "-1", "1:", ":1", "1:2:3", "10000000000000000"}) {
    EXPECT_FALSE(parse_vtd_capabilities(text).has_value()) << text;
    EXPECT_FALSE(parse_vtd_extended_capabilities(text).has_value()) << text;
    EXPECT_FALSE(parse_amd_iommu_capability(text).has_value()) << text;
    EXPECT_FALSE(parse_amd_iommu_features(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace cleave
