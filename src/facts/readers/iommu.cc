#include "base/text.h"
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

// What a table says. `there` is the fact that the table is there, which may be all one gets to
// know.
template <typename Table>
Fact<Table> read_content(const HostReader& host, const Fact<bool>& there,
                         Result<Table> (*parse)(std::string_view)) {
  if (there.unreadable() != nullptr) return *there.unreadable();
  if (there.is_absent()) return {Absent{}, there.source()};
  const auto bytes = host.read_file(there.source(), kLargestIommuTable);
  if (!bytes) return Unreadable{.path = there.source(), .why = why(bytes.error())};
  auto table = parse(*bytes);
  if (!table) return Unreadable{.path = there.source(), .why = why(table.error())};
  return {std::move(*table), there.source()};
}

template <typename Register>
Fact<Register> read_register(const HostReader& host, const std::string& path,
                             std::optional<Register> (*parse)(std::string_view)) {
  const auto text = read_text_fact(host, path);
  if (text.unreadable() != nullptr) return *text.unreadable();
  if (text.is_absent()) return {Absent{}, path};
  if (auto decoded = parse(*text.value())) return {std::move(*decoded), path};
  return Unreadable{.path = path, .why = "not a register: " + printable(*text.value())};
}

IommuUnit read_unit(const HostReader& host, const std::string& name) {
  const std::string intel = "/sys/class/iommu/" + name + "/intel-iommu";
  const std::string amd = "/sys/class/iommu/" + name + "/amd-iommu";
  IommuUnit unit;
  unit.name = name;
  unit.capabilities = read_register(host, intel + "/cap", parse_vtd_capabilities);
  unit.extended_capabilities =
      read_register(host, intel + "/ecap", parse_vtd_extended_capabilities);
  unit.register_base_address =
      read_register(host, intel + "/address", parse_hexadecimal<std::uint64_t>);
  unit.amd_capability = read_register(host, amd + "/cap", parse_amd_iommu_capability);
  unit.amd_features = read_register(host, amd + "/features", parse_amd_iommu_features);
  return unit;
}

}  // namespace

IommuFacts read_iommu(const HostReader& host) {
  IommuFacts iommu;
  iommu.units = read_names_fact(host, "/sys/class/iommu", "/sys/class");
  iommu.dmar_table = read_table(host, "DMAR");
  iommu.ivrs_table = read_table(host, "IVRS");
  iommu.dmar = read_content(host, iommu.dmar_table, parse_dmar);
  iommu.ivrs = read_content(host, iommu.ivrs_table, parse_ivrs);
  if (const auto* units = iommu.units.value()) {
    for (const std::string& name : *units) iommu.registers.push_back(read_unit(host, name));
  }
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
