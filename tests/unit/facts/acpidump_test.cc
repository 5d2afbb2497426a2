#include "facts/acpidump.h"

#include <gtest/gtest.h>

#include "support/acpi_bytes.h"

namespace cleave {
namespace {

using testing::dmar;
using testing::drhd;
using testing::dump_text;

const std::string kTable = dmar(drhd(1, 0xFED91000) + drhd(1, 0xFED92000));

TEST(AcpiDump, TablesWithTheirHeadings) {
  const std::string odd = testing::table("FACP", "\x44 @#: 0123");
  const AcpiDump dump = parse_acpidump(dump_text(odd, "FACP") + dump_text(kTable, "DMAR"));
  ASSERT_EQ(dump.tables.size(), 2U);
  EXPECT_EQ(dump.tables[0].bytes, odd);
  EXPECT_EQ(dump.tables[1].name, "DMAR");
  EXPECT_EQ(dump.tables[1].bytes, kTable);
  EXPECT_EQ(dump.tables[1].address, 0x8F7E1000U);
  EXPECT_EQ(dump.tables[1].line, 6U);
  EXPECT_EQ(dump.tables[1].bad_line, 0U);
}

TEST(AcpiDump, LineEndsOfOtherSystems) {
  const std::string text = dump_text(kTable, "DMAR");
  std::string windows;
  for (const char letter : text)
    windows += letter == '\n' ? std::string("\r\n") : std::string(1, letter);
  ASSERT_EQ(parse_acpidump(windows).tables.size(), 1U);
  EXPECT_EQ(parse_acpidump(windows).tables[0].bytes, kTable);
}

TEST(AcpiDump, WhatOtherProgramsWrite) {
  // xxd, hexdump -C, and the end of a listing of iasl.
  const AcpiDump xxd = parse_acpidump(
      "00000000: 444d 4152 3000 0000 01fd 4f45 4d49 4400  DMAR0.....OEMID.\n"
      "00000010: 5441 424c                                TABL\n");
  ASSERT_EQ(xxd.tables.size(), 1U);
  EXPECT_EQ(xxd.tables[0].bytes.size(), 20U);
  EXPECT_EQ(xxd.tables[0].bytes.substr(0, 4), "DMAR");
  EXPECT_EQ(xxd.tables[0].bytes.substr(16), "TABL");
  const AcpiDump hexdump = parse_acpidump(
      "00000000  44 4d 41 52 30 00 00 00  01 fd 4f 45 4d 49 44 00  |DMAR0.....OEMID.|\n"
      "00000010  54 41 42 4c                                       |TABL|\n00000014\n");
  ASSERT_EQ(hexdump.tables.size(), 1U);
  EXPECT_EQ(hexdump.tables[0].bytes, xxd.tables[0].bytes);
  const AcpiDump listing = parse_acpidump(
      "[000h 0000 004h]                   Signature : \"DMAR\"    [DMA Remapping Table]\n"
      "Raw Table Data: Length 20 (0x14)\n\n"
      "    0000: 44 4D 41 52 30 00 00 00 01 FD 4F 45 4D 49 44 00  // DMAR0.....OEMID.\n"
      "    0010: 54 41 42 4C                                      // TABL\n");
  ASSERT_EQ(listing.tables.size(), 1U);
  EXPECT_EQ(listing.tables[0].bytes, xxd.tables[0].bytes);
}

TEST(AcpiDump, ALineThatIsMissingEndsTheTableThere) {
  std::string text = dump_text(kTable, "DMAR");
  const std::size_t third = text.find("    0020:");
  text.erase(third, text.find('\n', third) + 1 - third);
  const AcpiDump dump = parse_acpidump(text);
  ASSERT_EQ(dump.tables.size(), 1U);
  EXPECT_EQ(dump.tables[0].bytes.size(), 32U);
  EXPECT_EQ(dump.tables[0].bad_line, 4U);
}

TEST(AcpiDump, TextWithoutTables) {
  EXPECT_TRUE(parse_acpidump("").tables.empty());
  EXPECT_TRUE(parse_acpidump("hello\nDMAR @ nowhere\n[    0.00] ACPI: DMAR 0x1\n").tables.empty());
  EXPECT_TRUE(parse_acpidump("DMAR @ 0x1000\n").tables.empty()) << "a heading alone";
  EXPECT_TRUE(parse_acpidump(std::string(100000, 'a')).tables.empty());
}

TEST(AcpiDump, HasBounds) {
  std::string text;
  for (std::size_t i = 0; i < AcpiDump::kMostTables + 5; ++i) text += "SSDT @ 0x1\n  0000: 53\n";
  const AcpiDump dump = parse_acpidump(text);
  EXPECT_EQ(dump.tables.size(), AcpiDump::kMostTables);
  EXPECT_TRUE(dump.too_many);
}

}  // namespace
}  // namespace cleave
