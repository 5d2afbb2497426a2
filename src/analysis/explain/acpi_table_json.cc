#include "analysis/explain/acpi_table_json.h"

#include <algorithm>

#include "base/format.h"

namespace cleave {
namespace {

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += format("{:02x}", static_cast<std::uint8_t>(byte));
  return text;
}

void add_header(Json& json, const AcpiHeader& header, bool checksum_ok) {
  json.set("signature", header.signature);
  json.set("length", header.length);
  json.set("revision", header.revision);
  json.set("checksum", header.checksum);
  json.set("checksum_ok", checksum_ok);
  json.set("oem_id", header.oem_id);
  json.set("oem_table_id", header.oem_table_id);
  json.set("oem_revision", header.oem_revision);
  json.set("creator_id", header.creator_id);
  json.set("creator_revision", header.creator_revision);
}

void add_problems(Json& json, const AcpiProblems& problems) {
  Json list = Json::array();
  for (const AcpiProblem& problem : problems.list) {
    Json row = Json::object();
    row.set("id", acpi_problem_name(problem.kind));
    row.set("offset", problem.offset);
    row.set("length", problem.length);
    row.set("available", problem.available);
    list.push_back(std::move(row));
  }
  json.set("problems", std::move(list));
  json.set("problems_left_out", problems.left_out);
}

// --- DMAR

Json scope_json(const DeviceScope& scope) {
  Json path = Json::array();
  for (const PciPathStep& step : scope.path) {
    path.push_back(Json::array({Json(step.device), Json(step.function)}));
  }
  Json json = Json::object();
  json.set("type", scope.type);
  json.set("offset", scope.offset);
  json.set("length", scope.length);
  json.set("flags", scope.flags);
  json.set("reserved", scope.reserved);
  json.set("enumeration_id", scope.enumeration_id);
  json.set("bus", scope.start_bus);
  json.set("path", std::move(path));
  return json;
}

// Adds the fields of one kind of body to a structure's object.
struct DmarFields {
  Json& json;

  void operator()(const DmarRaw& raw) const { json.set("raw", hexadecimal(raw.bytes)); }
  void operator()(const Drhd& drhd) const {
    json.set("flags", drhd.flags);
    json.set("size", drhd.size);
    json.set("segment", drhd.segment);
    json.set("register_base_address", drhd.register_base_address);
  }
  void operator()(const Rmrr& rmrr) const {
    json.set("reserved", rmrr.reserved);
    json.set("segment", rmrr.segment);
    json.set("base_address", rmrr.base_address);
    json.set("end_address", rmrr.end_address);
  }
  void operator()(const Atsr& atsr) const { add_flags(atsr); }
  void operator()(const Rhsa& rhsa) const {
    json.set("reserved", rhsa.reserved);
    json.set("register_base_address", rhsa.register_base_address);
    json.set("proximity_domain", rhsa.proximity_domain);
  }
  void operator()(const Andd& andd) const {
    json.set("reserved", andd.reserved);
    json.set("acpi_device_number", andd.acpi_device_number);
    json.set("acpi_object_name", andd.acpi_object_name);
  }
  void operator()(const Satc& satc) const { add_flags(satc); }
  void operator()(const Sidp& sidp) const {
    json.set("reserved", sidp.reserved);
    json.set("segment", sidp.segment);
  }

 private:
  template <typename Structure>
  void add_flags(const Structure& structure) const {
    json.set("flags", structure.flags);
    json.set("reserved", structure.reserved);
    json.set("segment", structure.segment);
  }
};

Json structure_json(const DmarStructure& structure) {
  Json json = Json::object();
  json.set("type", structure.type);
  json.set("name", dmar_type_name(structure.type));
  json.set("offset", structure.offset);
  json.set("length", structure.length);
  std::visit(DmarFields{json}, structure.body);
  Json scopes = Json::array();
  for (const DeviceScope& scope : structure.device_scopes) scopes.push_back(scope_json(scope));
  json.set("device_scopes", std::move(scopes));
  return json;
}

// --- IVRS

// An ACPI id: text filled up with zeros, or, where it is none, a number.
Json id_json(std::string_view bytes) {
  const std::string_view text = bytes.substr(0, bytes.find('\0'));
  const bool printable = std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
  if (text.empty() || !printable || !is_zero(bytes.substr(text.size()))) {
    return {qword_at(bytes, 0)};
  }
  return {text};
}

Json uid_json(const IvhdNamedDevice& device) {
  if (device.uid_format == IvhdNamedDevice::kIntegerUid && device.uid.size() <= 8) {
    return {qword_at(device.uid, 0)};
  }
  if (device.uid_format == IvhdNamedDevice::kTextUid) {
    return {std::string_view(device.uid).substr(0, device.uid.find_last_not_of('\0') + 1)};
  }
  return device.uid.empty() ? Json() : Json(hexadecimal(device.uid));
}

struct EntryFields {
  Json& json;

  void operator()(const std::monostate& /*nothing*/) const {}
  void operator()(const IvhdAlias& alias) const {
    json.set("reserved", alias.reserved_before);
    json.set("source_device_id", alias.source_device_id);
    json.set("reserved_2", alias.reserved_after);
  }
  void operator()(const IvhdExtended& extended) const {
    json.set("extended_dte_setting", extended.extended_dte_setting);
  }
  void operator()(const IvhdSpecial& special) const {
    json.set("handle", special.handle);
    json.set("source_device_id", special.source_device_id);
    json.set("variety", special.variety);
  }
  void operator()(const IvhdNamedDevice& device) const {
    json.set("hardware_id", id_json(device.hid));
    json.set("compatible_id", id_json(device.cid));
    json.set("unique_id_format", device.uid_format);
    json.set("unique_id_length", device.uid_length);
    json.set("unique_id", uid_json(device));
  }
  void operator()(const IvhdRaw& raw) const { json.set("raw", hexadecimal(raw.bytes)); }
};

Json entry_json(const IvhdEntry& entry) {
  Json json = Json::object();
  json.set("type", entry.type);
  json.set("offset", entry.offset);
  json.set("length", entry.length);
  if (!std::holds_alternative<IvhdRaw>(entry.more)) {
    json.set("device_id", entry.device_id);
    json.set("dte_setting", entry.dte_setting);
  }
  std::visit(EntryFields{json}, entry.more);
  return json;
}

struct BlockFields {
  Json& json;
  std::uint8_t type;

  void operator()(const IvrsRaw& raw) const {
    json.set("flags", raw.flags);
    json.set("raw", hexadecimal(raw.bytes));
  }
  void operator()(const Ivhd& ivhd) const {
    json.set("flags", ivhd.flags);
    json.set("device_id", ivhd.device_id);
    json.set("capability_offset", ivhd.capability_offset);
    json.set("iommu_base_address", ivhd.iommu_base_address);
    json.set("pci_segment_group", ivhd.pci_segment_group);
    json.set("iommu_info", ivhd.iommu_info);
    constexpr std::uint8_t kShortIvhd = 0x10;
    if (type == kShortIvhd) {
      json.set("iommu_feature_info", ivhd.iommu_feature_info);
    } else {
      json.set("iommu_attributes", ivhd.iommu_feature_info);
      json.set("efr_register_image", ivhd.efr_register_image);
      json.set("efr2_register_image", ivhd.efr2_register_image);
    }
    Json entries = Json::array();
    for (const IvhdEntry& entry : ivhd.entries) entries.push_back(entry_json(entry));
    json.set("device_entries", std::move(entries));
  }
  void operator()(const Ivmd& ivmd) const {
    json.set("flags", ivmd.flags);
    json.set("device_id", ivmd.device_id);
    json.set("auxiliary_data", ivmd.auxiliary_data);
    json.set("reserved", ivmd.reserved);
    json.set("start_address", ivmd.start_address);
    json.set("memory_block_length", ivmd.memory_block_length);
  }
};

Json block_json(const IvrsBlock& block) {
  Json json = Json::object();
  json.set("type", block.type);
  json.set("name", ivrs_type_name(block.type));
  json.set("offset", block.offset);
  json.set("length", block.length);
  std::visit(BlockFields{json, block.type}, block.body);
  return json;
}

}  // namespace

Json to_json(const DmarTable& table) {
  Json json = Json::object();
  add_header(json, table.header, table.checksum_ok);
  json.set("host_address_width", table.host_address_width);
  json.set("flags", table.flags);
  json.set("reserved", hexadecimal(table.reserved));
  Json structures = Json::array();
  for (const DmarStructure& structure : table.structures) {
    structures.push_back(structure_json(structure));
  }
  json.set("structures", std::move(structures));
  add_problems(json, table.problems);
  return json;
}

Json to_json(const IvrsTable& table) {
  Json json = Json::object();
  add_header(json, table.header, table.checksum_ok);
  json.set("ivinfo", table.ivinfo);
  json.set("reserved", table.reserved);
  Json structures = Json::array();
  for (const IvrsBlock& block : table.blocks) structures.push_back(block_json(block));
  json.set("structures", std::move(structures));
  add_problems(json, table.problems);
  return json;
}

Json to_json(const AcpiHeader& header, bool checksum_ok) {
  Json json = Json::object();
  add_header(json, header, checksum_ok);
  return json;
}

}  // namespace cleave
