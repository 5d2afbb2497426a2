#include "facts/ivrs.h"

#include <algorithm>

namespace cleave {
namespace {

constexpr std::size_t kTableHeader = 48;  // ACPI header, IVinfo, eight reserved bytes
constexpr std::size_t kBlockHeader = 4;   // type, flags, length
constexpr std::size_t kShortIvhd = 24;    // of type 10h, before its entries
constexpr std::size_t kLongIvhd = 40;     // of types 11h and 40h
constexpr std::size_t kIvmd = 32;
constexpr std::size_t kNamedDevice = 22;  // a named device's entry before its UID

bool is_ivhd(std::uint8_t type) { return type == 0x10 || type == 0x11 || type == 0x40; }
bool is_ivmd(std::uint8_t type) { return type >= 0x20 && type <= 0x22; }

// Bytes of all fields of a block but its entries; 0 for an unknown type.
std::size_t fields_of(std::uint8_t type) {
  if (is_ivmd(type)) return kIvmd;
  if (!is_ivhd(type)) return 0;
  return type == 0x10 ? kShortIvhd : kLongIvhd;
}

// The type's upper bits tell an entry's length; 0 where nothing does (types F1h and above).
std::size_t entry_length(std::string_view bytes) {
  const std::uint8_t type = byte_at(bytes, 0);
  if (type < 0x40) return 4;
  if (type < 0x80) return 8;
  if (type < 0xC0) return 16;
  if (type < IvhdEntry::kNamedDevice) return 32;
  if (type != IvhdEntry::kNamedDevice) return 0;
  return kNamedDevice + byte_at(bytes, kNamedDevice - 1);
}

class Parser {
 public:
  explicit Parser(AcpiFrame frame) : frame_(std::move(frame)) {}

  IvrsTable parse() {
    const std::string_view bytes = frame_.table;
    table_.header = std::move(frame_.header);
    table_.checksum_ok = frame_.checksum_ok;
    table_.problems = std::move(frame_.problems);
    table_.ivinfo = dword_at(bytes, 36);
    table_.reserved = qword_at(bytes, 40);
    each_acpi_structure(
        bytes, kTableHeader, table_.problems,
        [this](std::string_view structure, std::size_t offset) { parse_block(structure, offset); });
    check_memory();
    return std::move(table_);
  }

 private:
  // `bytes`: as many of the block's as there are.
  void parse_block(std::string_view bytes, std::size_t offset) {
    IvrsBlock block;
    block.type = byte_at(bytes, 0);
    block.offset = static_cast<std::uint32_t>(offset);
    block.length = word_at(bytes, 2);
    const std::size_t fields = fields_of(block.type);
    if (fields == 0 || bytes.size() < fields) {
      if (fields == 0) {
        table_.problems.add(AcpiProblemKind::UnknownStructure, offset, block.length);
      } else {
        table_.problems.add(AcpiProblemKind::StructureTooShort, offset, bytes.size(), fields);
      }
      block.body =
          IvrsRaw{.flags = byte_at(bytes, 1), .bytes = std::string(bytes.substr(kBlockHeader))};
    } else if (is_ivhd(block.type)) {
      block.body = parse_ivhd(bytes, offset, fields);
    } else {
      block.body = parse_ivmd(bytes, offset);
    }
    table_.blocks.push_back(std::move(block));
  }

  Ivmd parse_ivmd(std::string_view bytes, std::size_t offset) {
    if (bytes.size() > kIvmd) {
      table_.problems.add(AcpiProblemKind::BytesLeft, offset + kIvmd, bytes.size() - kIvmd);
    }
    return {.flags = byte_at(bytes, 1),
            .device_id = word_at(bytes, 4),
            .auxiliary_data = word_at(bytes, 6),
            .reserved = qword_at(bytes, 8),
            .start_address = qword_at(bytes, 16),
            .memory_block_length = qword_at(bytes, 24)};
  }

  Ivhd parse_ivhd(std::string_view bytes, std::size_t offset, std::size_t fields) {
    Ivhd ivhd;
    ivhd.flags = byte_at(bytes, 1);
    ivhd.device_id = word_at(bytes, 4);
    ivhd.capability_offset = word_at(bytes, 6);
    ivhd.iommu_base_address = qword_at(bytes, 8);
    ivhd.pci_segment_group = word_at(bytes, 16);
    ivhd.iommu_info = word_at(bytes, 18);
    ivhd.iommu_feature_info = dword_at(bytes, 20);
    if (fields == kLongIvhd) {
      ivhd.efr_register_image = qword_at(bytes, 24);
      ivhd.efr2_register_image = qword_at(bytes, 32);
    }
    parse_entries(ivhd, bytes, offset, fields);
    return ivhd;
  }

  void parse_entries(Ivhd& ivhd, std::string_view block, std::size_t offset, std::size_t at) {
    while (at < block.size()) {
      const std::string_view bytes = block.substr(at);
      const std::size_t length = entry_length(bytes);
      if (length == 0) {
        // Nobody knows where the next entry begins.
        table_.problems.add(AcpiProblemKind::UnknownEntry, offset + at, bytes.size());
        ivhd.entries.push_back(raw_entry(bytes, offset + at));
        return;
      }
      if (length > bytes.size()) {
        if (bytes.size() < 4) {
          table_.problems.add(AcpiProblemKind::BytesLeft, offset + at, bytes.size());
        } else {
          table_.problems.add(AcpiProblemKind::ScopeOverruns, offset + at, length, bytes.size());
          ivhd.entries.push_back(raw_entry(bytes, offset + at));
        }
        return;
      }
      ivhd.entries.push_back(parse_entry(bytes.substr(0, length), offset + at));
      at += length;
    }
  }

  static IvhdEntry raw_entry(std::string_view bytes, std::size_t offset) {
    IvhdEntry entry;
    entry.type = byte_at(bytes, 0);
    entry.offset = static_cast<std::uint32_t>(offset);
    entry.length = static_cast<std::uint16_t>(bytes.size());
    entry.more = IvhdRaw{std::string(bytes.substr(1))};
    return entry;
  }

  IvhdEntry parse_entry(std::string_view bytes, std::size_t offset) {
    IvhdEntry entry;
    entry.type = byte_at(bytes, 0);
    entry.offset = static_cast<std::uint32_t>(offset);
    entry.length = static_cast<std::uint16_t>(bytes.size());
    entry.device_id = word_at(bytes, 1);
    entry.dte_setting = byte_at(bytes, 3);
    switch (entry.type) {
      case IvhdEntry::kPadding:
      case IvhdEntry::kAll:
      case IvhdEntry::kSelect:
      case IvhdEntry::kRangeStart:
      case IvhdEntry::kRangeEnd:
        break;
      case IvhdEntry::kAliasSelect:
      case IvhdEntry::kAliasRangeStart:
        entry.more = IvhdAlias{.reserved_before = byte_at(bytes, 4),
                               .source_device_id = word_at(bytes, 5),
                               .reserved_after = byte_at(bytes, 7)};
        break;
      case IvhdEntry::kExtendedSelect:
      case IvhdEntry::kExtendedRangeStart:
        entry.more = IvhdExtended{.extended_dte_setting = dword_at(bytes, 4)};
        break;
      case IvhdEntry::kSpecial:
        entry.more = IvhdSpecial{.handle = byte_at(bytes, 4),
                                 .source_device_id = word_at(bytes, 5),
                                 .variety = byte_at(bytes, 7)};
        break;
      case IvhdEntry::kNamedDevice:
        entry.more = IvhdNamedDevice{.hid = std::string(bytes.substr(4, 8)),
                                     .cid = std::string(bytes.substr(12, 8)),
                                     .uid_format = byte_at(bytes, 20),
                                     .uid_length = byte_at(bytes, 21),
                                     .uid = std::string(bytes.substr(kNamedDevice))};
        break;
      default:
        table_.problems.add(AcpiProblemKind::UnknownEntry, offset, bytes.size());
        return raw_entry(bytes, offset);
    }
    return entry;
  }

  // A block without a length reserves nothing; one that runs over the end of memory is reversed.
  void check_memory() {
    std::vector<AcpiRange> ranges;
    for (const IvrsBlock& block : table_.blocks) {
      const auto* ivmd = std::get_if<Ivmd>(&block.body);
      if (ivmd == nullptr || ivmd->memory_block_length == 0) continue;
      ranges.push_back({.offset = block.offset,
                        .first = ivmd->start_address,
                        .last = ivmd->start_address + (ivmd->memory_block_length - 1)});
    }
    check_ranges(std::move(ranges), table_.problems);
  }

  AcpiFrame frame_;
  IvrsTable table_;
};

}  // namespace

std::string_view ivrs_type_name(std::uint8_t type) {
  if (is_ivhd(type)) return "IVHD";
  return is_ivmd(type) ? "IVMD" : std::string_view();
}

Result<IvrsTable> parse_ivrs(std::string_view bytes) {
  return Parser(TRY(parse_acpi_frame(bytes, "IVRS", kTableHeader))).parse();
}

}  // namespace cleave
