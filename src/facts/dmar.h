// The DMAR table: which Intel IOMMUs (DMA remapping units) there are and which devices each serves.
// Intel Virtualization Technology for Directed I/O, Architecture Specification 4.1, chapter 8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "facts/acpi_table.h"

namespace cleave {

// One hop of a path: from the bus reached so far to a device on it.
struct PciPathStep {
  std::uint8_t device = 0;
  std::uint8_t function = 0;

  bool operator==(const PciPathStep&) const = default;
};

// Section 8.3.1.
struct DeviceScope {
  static constexpr std::uint8_t kPciEndpoint = 1;
  static constexpr std::uint8_t kPciBridge = 2;  // with everything behind it
  static constexpr std::uint8_t kIoApic = 3;
  static constexpr std::uint8_t kHpet = 4;
  static constexpr std::uint8_t kNamespaceDevice = 5;

  std::uint8_t type = 0;
  std::uint32_t offset = 0;  // in the table
  std::uint8_t length = 0;   // bytes
  std::uint8_t flags = 0;    // of SIDP scopes; reserved elsewhere
  std::uint8_t reserved = 0;
  std::uint8_t enumeration_id = 0;  // of I/O APICs, HPETs, namespace devices
  std::uint8_t start_bus = 0;
  std::vector<PciPathStep> path;

  bool operator==(const DeviceScope&) const = default;
};

// DMA Remapping Hardware Unit Definition, 8.3.
struct Drhd {
  static constexpr std::uint8_t kIncludePciAll = 1;

  std::uint8_t flags = 0;
  std::uint8_t size = 0;  // bits 3:0: the register set has 2^n pages of 4 KiB
  std::uint16_t segment = 0;
  std::uint64_t register_base_address = 0;

  [[nodiscard]] bool include_all() const { return (flags & kIncludePciAll) != 0; }
  bool operator==(const Drhd&) const = default;
};

// Reserved Memory Region Reporting, 8.4: memory that its devices may always reach.
struct Rmrr {
  std::uint16_t reserved = 0;
  std::uint16_t segment = 0;
  std::uint64_t base_address = 0;
  std::uint64_t end_address = 0;  // included

  bool operator==(const Rmrr&) const = default;
};

// Root Port ATS Capability Reporting, 8.5.
struct Atsr {
  static constexpr std::uint8_t kAllPorts = 1;

  std::uint8_t flags = 0;
  std::uint8_t reserved = 0;
  std::uint16_t segment = 0;

  bool operator==(const Atsr&) const = default;
};

// Remapping Hardware Static Affinity, 8.6.
struct Rhsa {
  std::uint32_t reserved = 0;
  std::uint64_t register_base_address = 0;
  std::uint32_t proximity_domain = 0;

  bool operator==(const Rhsa&) const = default;
};

// ACPI Name-space Device Declaration, 8.7.
struct Andd {
  std::uint32_t reserved = 0;  // 24 bits
  std::uint8_t acpi_device_number = 0;
  std::string acpi_object_name;  // "\_SB.PCI0.I2C0"

  bool operator==(const Andd&) const = default;
};

// SoC Integrated Address Translation Cache, 8.8.
struct Satc {
  static constexpr std::uint8_t kAtcRequired = 1;

  std::uint8_t flags = 0;
  std::uint8_t reserved = 0;
  std::uint16_t segment = 0;

  bool operator==(const Satc&) const = default;
};

// SoC Integrated Device Property, 8.9.
struct Sidp {
  std::uint16_t reserved = 0;
  std::uint16_t segment = 0;

  bool operator==(const Sidp&) const = default;
};

// A structure of another type, or one too short for its fields: its bytes after type and length.
struct DmarRaw {
  std::string bytes;

  bool operator==(const DmarRaw&) const = default;
};

struct DmarStructure {
  std::uint16_t type = 0;  // as in the table; `body` may be DmarRaw whatever it says
  std::uint32_t offset = 0;
  std::uint16_t length = 0;  // bytes, as the table says
  std::variant<DmarRaw, Drhd, Rmrr, Atsr, Rhsa, Andd, Satc, Sidp> body;
  std::vector<DeviceScope> device_scopes;

  bool operator==(const DmarStructure&) const = default;
};

struct DmarTable {
  static constexpr std::uint8_t kInterruptRemapping = 1;
  static constexpr std::uint8_t kX2apicOptOut = 2;
  static constexpr std::uint8_t kDmaControlOptIn = 4;

  AcpiHeader header;
  bool checksum_ok = false;
  std::uint8_t host_address_width = 0;  // as in the table: one less than the number of bits
  std::uint8_t flags = 0;
  std::string reserved;  // ten bytes
  std::vector<DmarStructure> structures;
  AcpiProblems problems;

  [[nodiscard]] unsigned address_bits() const { return host_address_width + 1U; }
  bool operator==(const DmarTable&) const = default;
};

// "DRHD", "RMRR", …; empty for a type that the specification does not name.
std::string_view dmar_type_name(std::uint16_t type);

// Everything that can be told from the bytes; what cannot is in `problems`. Malformed if they are
// no DMAR table at all (see parse_acpi_frame).
Result<DmarTable> parse_dmar(std::string_view bytes);

}  // namespace cleave
