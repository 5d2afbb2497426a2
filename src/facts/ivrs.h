// The IVRS table: which AMD IOMMUs there are and which devices each serves.
// AMD I/O Virtualization Technology (IOMMU) Specification 48882, section 5.2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "facts/acpi_table.h"

namespace cleave {

// Device entries of an IVHD. `device_id` is a PCI requester id: bus, device, function in 8, 5 and
// 3 bits.

// Types 42h and 43h: the device shows itself to the IOMMU under another id.
struct IvhdAlias {
  std::uint8_t reserved_before = 0;
  std::uint16_t source_device_id = 0;
  std::uint8_t reserved_after = 0;

  bool operator==(const IvhdAlias&) const = default;
};

// Types 46h and 47h.
struct IvhdExtended {
  std::uint32_t extended_dte_setting = 0;

  bool operator==(const IvhdExtended&) const = default;
};

// Type 48h: an interrupt controller or timer.
struct IvhdSpecial {
  static constexpr std::uint8_t kIoApic = 1;
  static constexpr std::uint8_t kHpet = 2;

  std::uint8_t handle = 0;  // the APIC's id or the HPET's number
  std::uint16_t source_device_id = 0;
  std::uint8_t variety = 0;

  bool operator==(const IvhdSpecial&) const = default;
};

// Type F0h: a device that only the ACPI name space knows.
struct IvhdNamedDevice {
  static constexpr std::uint8_t kNoUid = 0;
  static constexpr std::uint8_t kIntegerUid = 1;
  static constexpr std::uint8_t kTextUid = 2;

  std::string hid;  // eight bytes as they stand: "AMDI0020"
  std::string cid;  // eight bytes
  std::uint8_t uid_format = 0;
  std::uint8_t uid_length = 0;
  std::string uid;  // `uid_length` bytes

  bool operator==(const IvhdNamedDevice&) const = default;
};

// An entry of a type that the specification does not name: its bytes after the type.
struct IvhdRaw {
  std::string bytes;

  bool operator==(const IvhdRaw&) const = default;
};

struct IvhdEntry {
  static constexpr std::uint8_t kPadding = 0;
  static constexpr std::uint8_t kAll = 1;
  static constexpr std::uint8_t kSelect = 2;
  static constexpr std::uint8_t kRangeStart = 3;
  static constexpr std::uint8_t kRangeEnd = 4;
  static constexpr std::uint8_t kAliasSelect = 0x42;
  static constexpr std::uint8_t kAliasRangeStart = 0x43;
  static constexpr std::uint8_t kExtendedSelect = 0x46;
  static constexpr std::uint8_t kExtendedRangeStart = 0x47;
  static constexpr std::uint8_t kSpecial = 0x48;
  static constexpr std::uint8_t kNamedDevice = 0xF0;

  std::uint8_t type = 0;
  std::uint32_t offset = 0;  // in the table
  std::uint16_t length = 0;  // bytes
  std::uint16_t device_id = 0;
  std::uint8_t dte_setting = 0;
  std::variant<std::monostate, IvhdAlias, IvhdExtended, IvhdSpecial, IvhdNamedDevice, IvhdRaw> more;

  bool operator==(const IvhdEntry&) const = default;
};

// I/O Virtualization Hardware Definition, types 10h, 11h, 40h.
struct Ivhd {
  std::uint8_t flags = 0;
  std::uint16_t device_id = 0;  // of the IOMMU itself
  std::uint16_t capability_offset = 0;
  std::uint64_t iommu_base_address = 0;
  std::uint16_t pci_segment_group = 0;
  std::uint16_t iommu_info = 0;
  std::uint32_t iommu_feature_info = 0;   // of type 10h; the attributes of the others
  std::uint64_t efr_register_image = 0;   // not in type 10h
  std::uint64_t efr2_register_image = 0;  // not in type 10h
  std::vector<IvhdEntry> entries;

  bool operator==(const Ivhd&) const = default;
};

// I/O Virtualization Memory Definition, types 20h (all devices), 21h (one), 22h (a range).
struct Ivmd {
  static constexpr std::uint8_t kUnityMap = 1;
  static constexpr std::uint8_t kRead = 2;
  static constexpr std::uint8_t kWrite = 4;
  static constexpr std::uint8_t kExclusionRange = 8;

  std::uint8_t flags = 0;
  std::uint16_t device_id = 0;
  std::uint16_t auxiliary_data = 0;  // the last device of a range
  std::uint64_t reserved = 0;
  std::uint64_t start_address = 0;
  std::uint64_t memory_block_length = 0;  // bytes

  bool operator==(const Ivmd&) const = default;
};

// A block of another type, or one too short for its fields: its bytes after type, flags, length.
struct IvrsRaw {
  std::uint8_t flags = 0;
  std::string bytes;

  bool operator==(const IvrsRaw&) const = default;
};

struct IvrsBlock {
  std::uint8_t type = 0;
  std::uint32_t offset = 0;
  std::uint16_t length = 0;  // bytes, as the table says
  std::variant<IvrsRaw, Ivhd, Ivmd> body;

  bool operator==(const IvrsBlock&) const = default;
};

struct IvrsTable {
  static constexpr std::uint32_t kEfrSupported = 1;
  static constexpr std::uint32_t kDmaRemapSupported = 2;

  AcpiHeader header;
  bool checksum_ok = false;
  std::uint32_t ivinfo = 0;
  std::uint64_t reserved = 0;
  std::vector<IvrsBlock> blocks;
  AcpiProblems problems;

  [[nodiscard]] unsigned guest_address_size() const { return (ivinfo >> 5U) & 0x7U; }
  [[nodiscard]] unsigned physical_address_bits() const { return (ivinfo >> 8U) & 0x7FU; }
  [[nodiscard]] unsigned virtual_address_bits() const { return (ivinfo >> 15U) & 0x7FU; }
  [[nodiscard]] bool ht_ats_reserved() const { return ((ivinfo >> 22U) & 1U) != 0; }
  bool operator==(const IvrsTable&) const = default;
};

// "IVHD", "IVMD"; empty for a type that the specification does not name.
std::string_view ivrs_type_name(std::uint8_t type);

// Everything that can be told from the bytes; what cannot is in `problems`. Malformed if they are
// no IVRS table at all (see parse_acpi_frame).
Result<IvrsTable> parse_ivrs(std::string_view bytes);

}  // namespace cleave
