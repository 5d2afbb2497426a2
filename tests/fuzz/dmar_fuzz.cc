// A DMAR table of a machine nobody trusts: parsed, asked about devices, explained.
#include <array>

#include "analysis/explain/kinds.h"
#include "facts/dmar_devices.h"
#include "fuzz.h"

namespace {

// What must hold for every structure: it lies in the table, and its scopes lie in it.
void check(const cleave::DmarTable& table, std::size_t size) {
  using cleave::fuzz::require;
  std::size_t end = 48;
  for (const cleave::DmarStructure& structure : table.structures) {
    require(structure.offset == end);
    end = structure.offset + structure.length;
    for (const cleave::DeviceScope& scope : structure.device_scopes) {
      require(scope.offset >= structure.offset + 4 && scope.offset + scope.length <= end);
    }
  }
  const bool damaged = !table.problems.list.empty();
  require(damaged || (end == size && table.header.length == size && table.checksum_ok));
  require(table.checksum_ok || damaged);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = cleave::fuzz::text_of(data, size);
  const auto table = cleave::parse_dmar(bytes);
  if (table) {
    check(*table, size);
    const std::array<cleave::PciAddress, 2> path = {
        cleave::PciAddress{.domain = 0, .bus = 0, .device = 2, .function = 0},
        cleave::PciAddress{.domain = 0, .bus = 1, .device = 0, .function = 0}};
    for (const std::size_t hops : {0U, 1U, 2U}) {
      (void)cleave::responsible_drhd(*table, cleave::PciPath(path).first(hops));
      (void)cleave::rmrrs_of(*table, cleave::PciPath(path).first(hops));
    }
  }
  (void)cleave::kAcpiTableExplainer.recognise(bytes);
  (void)cleave::to_text(cleave::kAcpiTableExplainer.explain(bytes).decoded);
  return 0;
}
