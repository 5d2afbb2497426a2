#include "facts/readers/readers.h"

namespace cleave {
namespace {

// Whether the firmware has the table. The tables themselves are for root only, their names are not.
Fact<bool> read_table(const HostReader& host, const std::string& name) {
  const std::string tables = "/sys/firmware/acpi/tables";
  const std::string path = join_path(tables, name);
  const auto status = host.status(path);
  if (status) return {true, path};
  if (status.error().code == ErrorCode::NotFound) {
    // Containers hide /sys/firmware: then a missing file says nothing about the firmware.
    const auto directory = host.status(tables);
    if (!directory) return Unreadable{.path = tables, .why = why(directory.error())};
  }
  return fact_from_error<bool>(status.error(), path);
}

}  // namespace

IommuFacts read_iommu(const HostReader& host) {
  IommuFacts iommu;
  iommu.units = read_names_fact(host, "/sys/class/iommu", "/sys/class");
  iommu.dmar_table = read_table(host, "DMAR");
  iommu.ivrs_table = read_table(host, "IVRS");
  const auto groups = read_names_fact(host, "/sys/kernel/iommu_groups", "/sys/kernel");
  if (const auto* names = groups.value()) {
    iommu.groups = {static_cast<std::uint32_t>(names->size()), groups.source()};
  } else if (groups.unreadable() != nullptr) {
    iommu.groups = *groups.unreadable();
  } else {
    iommu.groups = {Absent{}, groups.source()};
  }
  return iommu;
}

}  // namespace cleave
