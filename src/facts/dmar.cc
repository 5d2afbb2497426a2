#include "facts/dmar.h"

#include <algorithm>
#include <array>
#include <map>

namespace cleave {
namespace {

constexpr std::size_t kTableHeader = 48;     // 8.1: ACPI header, width, flags, ten reserved bytes
constexpr std::size_t kStructureHeader = 4;  // type and length
constexpr std::size_t kScopeHeader = 6;      // 8.3.1: all before the path

struct TypeRow {
  std::string_view name;
  std::size_t fields;  // bytes of type, length and all fields before scopes or name
  bool has_scopes;
};
// By type, sections 8.3 to 8.9.
constexpr std::array<TypeRow, 7> kTypes = {{{"DRHD", 16, true},
                                            {"RMRR", 24, true},
                                            {"ATSR", 8, true},
                                            {"RHSA", 20, false},
                                            {"ANDD", 8, false},
                                            {"SATC", 8, true},
                                            {"SIDP", 8, true}}};

class Parser {
 public:
  explicit Parser(AcpiFrame frame) : frame_(std::move(frame)) {}

  DmarTable parse() {
    const std::string_view bytes = frame_.table;
    table_.header = std::move(frame_.header);
    table_.checksum_ok = frame_.checksum_ok;
    table_.problems = std::move(frame_.problems);
    table_.host_address_width = byte_at(bytes, 36);
    table_.flags = byte_at(bytes, 37);
    table_.reserved = std::string(bytes.substr(38, 10));
    each_acpi_structure(bytes, kTableHeader, table_.problems,
                        [this](std::string_view structure, std::size_t offset) {
                          parse_structure(structure, offset);
                        });
    check_regions();
    return std::move(table_);
  }

 private:
  // `bytes`: as many of the structure's as there are.
  void parse_structure(std::string_view bytes, std::size_t offset) {
    DmarStructure structure;
    structure.type = word_at(bytes, 0);
    structure.offset = static_cast<std::uint32_t>(offset);
    structure.length = word_at(bytes, 2);
    const TypeRow* row = structure.type < kTypes.size() ? &kTypes.at(structure.type) : nullptr;
    if (row == nullptr || bytes.size() < row->fields) {
      if (row == nullptr) {
        table_.problems.add(AcpiProblemKind::UnknownStructure, offset, structure.length);
      } else {
        table_.problems.add(AcpiProblemKind::StructureTooShort, offset, bytes.size(), row->fields);
      }
      structure.body = DmarRaw{std::string(bytes.substr(kStructureHeader))};
    } else {
      parse_fields(structure, bytes);
      if (row->has_scopes) {
        parse_scopes(structure, bytes, row->fields);
      } else if (structure.type != kAndd && bytes.size() > row->fields) {
        table_.problems.add(AcpiProblemKind::BytesLeft, offset + row->fields,
                            bytes.size() - row->fields);
      }
    }
    table_.structures.push_back(std::move(structure));
  }

  void parse_fields(DmarStructure& structure, std::string_view bytes) {
    switch (structure.type) {
      case kDrhd:
        structure.body = Drhd{.flags = byte_at(bytes, 4),
                              .size = byte_at(bytes, 5),
                              .segment = word_at(bytes, 6),
                              .register_base_address = qword_at(bytes, 8)};
        break;
      case kRmrr:
        structure.body = Rmrr{.reserved = word_at(bytes, 4),
                              .segment = word_at(bytes, 6),
                              .base_address = qword_at(bytes, 8),
                              .end_address = qword_at(bytes, 16)};
        break;
      case kAtsr:
        structure.body = Atsr{.flags = byte_at(bytes, 4),
                              .reserved = byte_at(bytes, 5),
                              .segment = word_at(bytes, 6)};
        break;
      case kRhsa:
        structure.body = Rhsa{.reserved = dword_at(bytes, 4),
                              .register_base_address = qword_at(bytes, 8),
                              .proximity_domain = dword_at(bytes, 16)};
        break;
      case kAndd:
        structure.body = parse_name(structure, bytes);
        break;
      case kSatc:
        structure.body = Satc{.flags = byte_at(bytes, 4),
                              .reserved = byte_at(bytes, 5),
                              .segment = word_at(bytes, 6)};
        break;
      default:
        structure.body = Sidp{.reserved = word_at(bytes, 4), .segment = word_at(bytes, 6)};
        break;
    }
  }

  // The name ends with a zero; more zeros may fill the structure up.
  Andd parse_name(const DmarStructure& structure, std::string_view bytes) {
    constexpr std::size_t kName = 8;
    const std::string_view name = bytes.substr(kName);
    const std::size_t end = std::min(name.find('\0'), name.size());
    if (end == name.size()) {
      table_.problems.add(AcpiProblemKind::NameUnterminated, structure.offset + kName, name.size());
    } else if (!is_zero(name.substr(end))) {
      table_.problems.add(AcpiProblemKind::BytesLeft, structure.offset + kName + end,
                          name.size() - end);
    }
    return {.reserved = static_cast<std::uint32_t>(little_endian(bytes, 4, 3)),
            .acpi_device_number = byte_at(bytes, 7),
            .acpi_object_name = std::string(name.substr(0, end))};
  }

  void parse_scopes(DmarStructure& structure, std::string_view bytes, std::size_t at) {
    while (at < bytes.size()) {
      const std::size_t rest = bytes.size() - at;
      const std::size_t offset = structure.offset + at;
      if (rest < 2) {
        table_.problems.add(AcpiProblemKind::BytesLeft, offset, rest);
        return;
      }
      const std::size_t length = byte_at(bytes, at + 1);
      if (length < kScopeHeader) {
        table_.problems.add(AcpiProblemKind::LengthTooSmall, offset, length, rest);
        return;
      }
      if (length > rest) {
        table_.problems.add(AcpiProblemKind::ScopeOverruns, offset, length, rest);
        return;
      }
      structure.device_scopes.push_back(parse_scope(bytes.substr(at, length), offset));
      at += length;
    }
  }

  DeviceScope parse_scope(std::string_view bytes, std::size_t offset) {
    DeviceScope scope{.type = byte_at(bytes, 0),
                      .offset = static_cast<std::uint32_t>(offset),
                      .length = byte_at(bytes, 1),
                      .flags = byte_at(bytes, 2),
                      .reserved = byte_at(bytes, 3),
                      .enumeration_id = byte_at(bytes, 4),
                      .start_bus = byte_at(bytes, 5),
                      .path = {}};
    const std::size_t path = bytes.size() - kScopeHeader;
    if (path < 2) table_.problems.add(AcpiProblemKind::ScopeTooShort, offset, bytes.size());
    if (path > 2 && path % 2 != 0)
      table_.problems.add(AcpiProblemKind::ScopePathOdd, offset, bytes.size());
    for (std::size_t step = 0; step + 2 <= path; step += 2) {
      scope.path.push_back({.device = byte_at(bytes, kScopeHeader + step),
                            .function = byte_at(bytes, kScopeHeader + step + 1)});
    }
    return scope;
  }

  void check_regions() {
    std::map<std::uint16_t, std::vector<AcpiRange>> regions;  // by segment
    for (const DmarStructure& structure : table_.structures) {
      if (const auto* rmrr = std::get_if<Rmrr>(&structure.body)) {
        regions[rmrr->segment].push_back(
            {.offset = structure.offset, .first = rmrr->base_address, .last = rmrr->end_address});
      }
    }
    for (auto& [segment, ranges] : regions) check_ranges(std::move(ranges), table_.problems);
  }

  // The types' numbers, 8.2.
  static constexpr std::uint16_t kDrhd = 0;
  static constexpr std::uint16_t kRmrr = 1;
  static constexpr std::uint16_t kAtsr = 2;
  static constexpr std::uint16_t kRhsa = 3;
  static constexpr std::uint16_t kAndd = 4;
  static constexpr std::uint16_t kSatc = 5;

  AcpiFrame frame_;
  DmarTable table_;
};

}  // namespace

std::string_view dmar_type_name(std::uint16_t type) {
  return type < kTypes.size() ? kTypes.at(type).name : std::string_view();
}

Result<DmarTable> parse_dmar(std::string_view bytes) {
  return Parser(TRY(parse_acpi_frame(bytes, "DMAR", kTableHeader))).parse();
}

}  // namespace cleave
