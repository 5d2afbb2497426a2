// What all ACPI tables begin with, and how damage in one is told (ACPI Specification 6.5, 5.2.6).
// Tables come from files that anybody may have made: nothing in them is trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cleave {

inline constexpr std::size_t kAcpiHeaderSize = 36;  // bytes
// Larger than any table that describes IOMMUs: those of big servers have a few KiB.
inline constexpr std::size_t kLargestIommuTable = std::size_t{64} << 10U;

struct AcpiHeader {
  std::string signature;     // four characters: "DMAR"
  std::uint32_t length = 0;  // bytes of the whole table, as it says itself
  std::uint8_t revision = 0;
  std::uint8_t checksum = 0;
  std::string oem_id;        // up to six characters, without the zeros at the end
  std::string oem_table_id;  // up to eight
  std::uint32_t oem_revision = 0;
  std::string creator_id;  // up to four
  std::uint32_t creator_revision = 0;

  bool operator==(const AcpiHeader&) const = default;
};

// Malformed if there are fewer bytes than a header has.
Result<AcpiHeader> parse_acpi_header(std::string_view bytes);

// What all bytes of the table add up to, which is 0 if the checksum is right.
std::uint8_t acpi_sum(std::string_view table);

enum class AcpiProblemKind : std::uint8_t {
  ChecksumWrong,      // length: the sum of all bytes
  TableTruncated,     // length: what the table says; available: what there is
  BytesAfterTable,    // length: how many
  LengthTooSmall,     // length: of a structure, less than its type and length take; the rest of
                      // the table (available bytes) cannot be told apart
  StructureTooShort,  // length: less than the fields of its type take (available)
  StructureOverruns,  // length: more than the table has left (available)
  ScopeTooShort,      // length: of a device scope without a path
  ScopeOverruns,      // length: more than its structure has left (available)
  ScopePathOdd,       // length: a path of half a step
  NameUnterminated,   // length: of the name
  BytesLeft,          // length: bytes of a structure or table that belong to no field
  UnknownStructure,   // length: of a structure of a type that no specification names
  UnknownEntry,       // length: of a device entry of such a type
  RangeReversed,      // a memory range that ends before it begins
  RangesOverlap,      // a memory range that begins inside another
};
// "checksum_wrong", "table_truncated", …
const char* acpi_problem_name(AcpiProblemKind kind);

struct AcpiProblem {
  AcpiProblemKind kind = AcpiProblemKind::ChecksumWrong;
  std::uint32_t offset = 0;  // in the table, bytes
  std::uint32_t length = 0;
  std::uint32_t available = 0;

  bool operator==(const AcpiProblem&) const = default;
};

// The problems of a table in the order of discovery. A hostile table can have one per four bytes.
struct AcpiProblems {
  static constexpr std::size_t kMost = 64;

  std::vector<AcpiProblem> list;  // at most kMost
  std::size_t left_out = 0;       // how many more there were

  void add(const AcpiProblem& problem);
  void add(AcpiProblemKind kind, std::size_t offset, std::size_t length, std::size_t available = 0);
  [[nodiscard]] bool has(AcpiProblemKind kind) const;
  bool operator==(const AcpiProblems&) const = default;
};

// A table with its outer frame checked.
struct AcpiFrame {
  AcpiHeader header;
  bool checksum_ok = false;  // false, too, where bytes are missing
  std::string_view table;    // what the header's length covers, as far as it is there
  AcpiProblems problems;     // of the frame
};

// Malformed, if the signature is not `signature`, if the table has fewer than `minimum` bytes (by
// its own account or in truth), or more than kLargestIommuTable.
Result<AcpiFrame> parse_acpi_frame(std::string_view bytes, std::string_view signature,
                                   std::size_t minimum);

// `width` bytes (1 to 8) from `offset` as a number, the lowest first. Bytes beyond the end count
// as 0; the caller has checked that there are none.
std::uint64_t little_endian(std::string_view bytes, std::size_t offset, std::size_t width);
std::uint8_t byte_at(std::string_view bytes, std::size_t offset);
std::uint16_t word_at(std::string_view bytes, std::size_t offset);
std::uint32_t dword_at(std::string_view bytes, std::size_t offset);
std::uint64_t qword_at(std::string_view bytes, std::size_t offset);

// Whether all bytes are zero.
bool is_zero(std::string_view bytes);

// A memory range of a table; both ends included.
struct AcpiRange {
  std::uint32_t offset = 0;  // of its structure
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
// Adds RangeReversed and RangesOverlap. Equal ranges are no problem: a range may be named once per
// device.
void check_ranges(std::vector<AcpiRange> ranges, AcpiProblems& problems);

// DMAR and IVRS are alike behind their own header: structures of a type and, at byte 2, a length
// that both take the first four bytes. Calls `visit` with as many of each structure's bytes as
// there are and with its offset in the table; what cannot be told apart becomes a problem.
using AcpiStructureVisitor = std::function<void(std::string_view bytes, std::size_t offset)>;
void each_acpi_structure(std::string_view table, std::size_t first, AcpiProblems& problems,
                         const AcpiStructureVisitor& visit);

}  // namespace cleave
