// An IVRS table of a machine nobody trusts, and the texts of an IOMMU's registers.
#include "analysis/explain/kinds.h"
#include "facts/iommu_registers.h"
#include "facts/ivrs.h"
#include "fuzz.h"

namespace {

// What must hold for every block: it lies in the table, and its entries follow each other in it.
void check(const cleave::IvrsTable& table, std::size_t size) {
  using cleave::fuzz::require;
  std::size_t end = 48;
  for (const cleave::IvrsBlock& block : table.blocks) {
    require(block.offset == end);
    end = block.offset + block.length;
    const auto* ivhd = std::get_if<cleave::Ivhd>(&block.body);
    if (ivhd == nullptr) continue;
    std::size_t next = block.offset + (block.type == 0x10 ? 24 : 40);
    for (const cleave::IvhdEntry& entry : ivhd->entries) {
      require(entry.offset == next);
      next += entry.length;
    }
    require(next <= end);
  }
  const bool damaged = !table.problems.list.empty();
  require(damaged || (end == size && table.header.length == size && table.checksum_ok));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = cleave::fuzz::text_of(data, size);
  const auto table = cleave::parse_ivrs(bytes);
  if (table) check(*table, size);
  (void)cleave::to_text(cleave::kAcpiTableExplainer.explain(bytes).decoded);
  (void)cleave::parse_vtd_capabilities(bytes);
  (void)cleave::parse_vtd_extended_capabilities(bytes);
  (void)cleave::parse_amd_iommu_capability(bytes);
  (void)cleave::parse_amd_iommu_features(bytes);
  return 0;
}
