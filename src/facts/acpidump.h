// Tables out of text: what `acpidump` prints, and hex dumps of one table as xxd, hexdump -C and
// `iasl -d` write them.
//   DMAR @ 0x000000008F7E1000
//       0000: 44 4D 41 52 A8 00 00 00 01 8F 4C 45 4E 4F 56 4F  DMAR......LENOVO
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

struct AcpiDumpTable {
  std::string name;           // of its heading: "DMAR"; empty if it has none
  std::uint64_t address = 0;  // where it was in memory; 0 if nothing tells
  std::size_t line = 0;       // of the heading, or of the first bytes; from 1
  std::string bytes;
  std::size_t bad_line = 0;  // where the bytes do not go on as they should; 0: nowhere. What
                             // follows up to the next heading is not in `bytes`.
};

struct AcpiDump {
  // A machine has some fifty tables; DSDTs reach half a MiB.
  static constexpr std::size_t kMostTables = 512;
  static constexpr std::size_t kMostBytes = std::size_t{4} << 20U;   // of one table
  static constexpr std::size_t kMostInAll = std::size_t{32} << 20U;  // of all together

  std::vector<AcpiDumpTable> tables;  // in the order of the text; no bytes without a bad line
  bool too_many = false;              // there were more than kMostTables
};

AcpiDump parse_acpidump(std::string_view text);

}  // namespace cleave
