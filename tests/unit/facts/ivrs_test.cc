// IVRS tables made by hand: one of each block and entry, and every kind of damage.
#include "facts/ivrs.h"

#include <gtest/gtest.h>

#include "support/acpi_bytes.h"

namespace cleave {
namespace {

using testing::block;
using testing::fixed;
using testing::ivhd;
using testing::ivrs;
using testing::number;

IvrsTable parsed(const std::string& bytes) {
  auto table = parse_ivrs(bytes);
  EXPECT_TRUE(table.has_value()) << (table ? "" : english(table.error()));
  return table ? *table : IvrsTable();
}

std::string problem_of(const IvrsTable& table) {
  std::string text;
  for (const AcpiProblem& problem : table.problems.list) {
    if (!text.empty()) text += ", ";
    text += format("{} {} {} {}", acpi_problem_name(problem.kind), problem.offset, problem.length,
                   problem.available);
  }
  return text;
}

std::string entry(unsigned type, unsigned device, unsigned setting = 0,
                  const std::string& more = "") {
  return number(type, 1) + number(device, 2) + number(setting, 1) + more;
}

std::string named(unsigned format, const std::string& uid) {
  return entry(
      0xF0, 0xA5, 0x40,
      fixed("AMDI0020", 8) + fixed("", 8) + number(format, 1) + number(uid.size(), 1) + uid);
}

std::vector<IvhdEntry> entries_of(const std::string& entries) {
  const IvrsTable table = parsed(ivrs(ivhd(0x40, entries)));
  EXPECT_EQ(problem_of(table), "");
  const auto* found = table.blocks.empty() ? nullptr : std::get_if<Ivhd>(&table.blocks[0].body);
  return found == nullptr ? std::vector<IvhdEntry>() : found->entries;
}

TEST(Ivrs, OwnFields) {
  const IvrsTable table = parsed(ivrs(""));
  EXPECT_EQ(table.ivinfo, 0x203041U);
  EXPECT_TRUE(table.checksum_ok);
  EXPECT_EQ(table.guest_address_size(), 2U);
  EXPECT_EQ(table.physical_address_bits(), 48U);
  EXPECT_EQ(table.virtual_address_bits(), 64U);
  EXPECT_FALSE(table.ht_ats_reserved());
}

TEST(Ivrs, HardwareBlocksOfAllTypes) {
  const IvrsTable table = parsed(ivrs(ivhd(0x10, "") + ivhd(0x11, "") + ivhd(0x40, entry(2, 8))));
  EXPECT_EQ(problem_of(table), "");
  ASSERT_EQ(table.blocks.size(), 3U);
  const Ivhd& old_one = std::get<Ivhd>(table.blocks[0].body);
  EXPECT_EQ(old_one.flags, 0xB0);
  EXPECT_EQ(old_one.device_id, 2);
  EXPECT_EQ(old_one.capability_offset, 0x40);
  EXPECT_EQ(old_one.iommu_base_address, 0xFD200000U);
  EXPECT_EQ(old_one.iommu_info, 0x15);
  EXPECT_EQ(old_one.iommu_feature_info, 0x80048F6EU);
  EXPECT_EQ(old_one.efr_register_image, 0U);
  const Ivhd& newer = std::get<Ivhd>(table.blocks[1].body);
  EXPECT_EQ(newer.efr_register_image, 0x1122334455667788U);
  EXPECT_EQ(newer.efr2_register_image, 0x20U);
  EXPECT_EQ(table.blocks[1].offset, 48U + 24U);
  EXPECT_EQ(std::get<Ivhd>(table.blocks[2].body).entries.size(), 1U);
  EXPECT_EQ(ivrs_type_name(0x11), "IVHD");
  EXPECT_EQ(ivrs_type_name(0x22), "IVMD");
  EXPECT_EQ(ivrs_type_name(0x12), "");
}

TEST(Ivrs, EntriesOfAllTypes) {
  const auto entries = entries_of(
      entry(0, 0) + entry(1, 8, 1) + entry(2, 9, 2) + entry(3, 10, 3) + entry(4, 0xFFFE) +
      entry(0x42, 0xFF00, 4, number(1, 1) + number(0xA5, 2) + number(2, 1)) +
      entry(0x43, 0xFF00, 0, number(0, 1) + number(0xA4, 2) + number(0, 1)) +
      entry(0x46, 0x10, 0, number(0x11223344, 4)) + entry(0x47, 0x11, 0, number(5, 4)) +
      entry(0x48, 0, 0xD7, number(0x21, 1) + number(0xA0, 2) + number(1, 1)));
  ASSERT_EQ(entries.size(), 10U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(entries[i].type, i);
    EXPECT_EQ(entries[i].length, 4);
    EXPECT_EQ(entries[i].offset, 48U + 40U + 4 * i);
  }
  EXPECT_EQ(entries[3].device_id, 10);
  EXPECT_EQ(entries[3].dte_setting, 3);
  EXPECT_EQ(std::get<IvhdAlias>(entries[5].more),
            (IvhdAlias{.reserved_before = 1, .source_device_id = 0xA5, .reserved_after = 2}));
  EXPECT_EQ(std::get<IvhdAlias>(entries[6].more).source_device_id, 0xA4);
  EXPECT_EQ(std::get<IvhdExtended>(entries[7].more).extended_dte_setting, 0x11223344U);
  EXPECT_EQ(std::get<IvhdExtended>(entries[8].more).extended_dte_setting, 5U);
  EXPECT_EQ(std::get<IvhdSpecial>(entries[9].more),
            (IvhdSpecial{.handle = 0x21, .source_device_id = 0xA0, .variety = 1}));
}

TEST(Ivrs, NamedDevicesHaveALengthOfTheirOwn) {
  const auto entries =
      entries_of(named(2, R"(\_SB.FUR0)") + named(0, "") + named(1, number(1, 2)) + entry(2, 8));
  ASSERT_EQ(entries.size(), 4U);
  const auto& text = std::get<IvhdNamedDevice>(entries[0].more);
  EXPECT_EQ(text.hid, "AMDI0020");
  EXPECT_EQ(text.uid, R"(\_SB.FUR0)");
  EXPECT_EQ(entries[0].length, 22 + 9);
  EXPECT_EQ(std::get<IvhdNamedDevice>(entries[1].more).uid, "");
  EXPECT_EQ(std::get<IvhdNamedDevice>(entries[2].more).uid, number(1, 2));
  EXPECT_EQ(entries[3].device_id, 8);
}

TEST(Ivrs, MemoryBlocks) {
  std::string blocks;
  for (const unsigned type : {0x20U, 0x21U, 0x22U}) {
    blocks += block(type, 0x08,
                    number(0x300, 2) + number(0x301, 2) + number(0, 8) + number(0x1000U * type, 8) +
                        number(0x800, 8));
  }
  const IvrsTable table = parsed(ivrs(blocks));
  EXPECT_EQ(problem_of(table), "");
  ASSERT_EQ(table.blocks.size(), 3U);
  EXPECT_EQ(std::get<Ivmd>(table.blocks[1].body), (Ivmd{.flags = 8,
                                                        .device_id = 0x300,
                                                        .auxiliary_data = 0x301,
                                                        .reserved = 0,
                                                        .start_address = 0x21000,
                                                        .memory_block_length = 0x800}));
}

TEST(Ivrs, KeepsUnknownBlocksAndEntries) {
  const IvrsTable table =
      parsed(ivrs(block(0x51, 8, "abcd") + ivhd(0x11, entry(5, 1) + entry(2, 8))));
  EXPECT_EQ(std::get<IvrsRaw>(table.blocks.at(0).body), (IvrsRaw{.flags = 8, .bytes = "abcd"}));
  const Ivhd& hardware = std::get<Ivhd>(table.blocks.at(1).body);
  EXPECT_EQ(std::get<IvhdRaw>(hardware.entries.at(0).more).bytes, number(1, 2) + number(0, 1));
  EXPECT_EQ(hardware.entries.at(1).device_id, 8);
  EXPECT_EQ(problem_of(table), "unknown_structure 48 8 0, unknown_entry 96 4 0");
  EXPECT_EQ(problem_of(parsed(ivrs(ivhd(0x11, entry(0x41, 0, 0, number(0, 4)))))),
            "unknown_entry 88 8 0");
  EXPECT_EQ(problem_of(parsed(ivrs(ivhd(0x11, entry(0x81, 0, 0, number(0, 12)))))),
            "unknown_entry 88 16 0");
  // From F1h on nothing tells how long an entry is.
  EXPECT_EQ(problem_of(parsed(ivrs(ivhd(0x11, entry(0xF1, 0) + entry(2, 8))))),
            "unknown_entry 88 8 0");
}

TEST(Ivrs, TellsOfTruncationAtEveryByte) {
  const std::string whole =
      ivrs(ivhd(0x10, entry(3, 8) + entry(4, 0xFFFE)) + ivhd(0x40, named(2, "ID00")) +
           block(0x21, 8, number(0, 12) + number(0x1000, 8) + number(0x1000, 8)));
  const IvrsTable all = parsed(whole);
  ASSERT_EQ(problem_of(all), "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto table = parse_ivrs(whole.substr(0, size));
    ASSERT_EQ(table.has_value(), size >= 48) << size;
    if (!table) continue;
    EXPECT_FALSE(table->checksum_ok);
    EXPECT_TRUE(table->problems.has(AcpiProblemKind::TableTruncated)) << size;
    ASSERT_LE(table->blocks.size(), all.blocks.size());
    for (std::size_t i = 0; i < table->blocks.size(); ++i) {
      const IvrsBlock& original = all.blocks[i];
      EXPECT_EQ(table->blocks[i] == original, original.offset + original.length <= size) << size;
    }
  }
}

TEST(Ivrs, TellsOfLengthsThatCannotBe) {
  EXPECT_EQ(problem_of(parsed(ivrs(number(0x10, 4)))), "length_too_small 48 0 4");
  EXPECT_EQ(problem_of(parsed(ivrs("abc"))), "bytes_left 48 3 0");
  EXPECT_EQ(problem_of(parsed(ivrs(block(0x40, 0, number(0, 20))))),
            "structure_too_short 48 24 40");
  EXPECT_EQ(problem_of(parsed(ivrs(ivhd(0x11, "ab")))), "bytes_left 88 2 0");
  EXPECT_EQ(problem_of(parsed(ivrs(ivhd(0x11, entry(0x42, 0))))), "scope_overruns 88 8 4");
  std::string cut = named(2, "ID00");
  cut.resize(cut.size() - 1);
  EXPECT_EQ(problem_of(parsed(ivrs(ivhd(0x40, cut)))), "scope_overruns 88 26 25");
  std::string overrun = ivhd(0x10, "");
  overrun.replace(2, 2, number(100, 2));
  EXPECT_EQ(problem_of(parsed(ivrs(overrun))), "structure_overruns 48 100 24");
  const std::string memory = number(0, 12) + number(0x1000, 8) + number(0x1000, 8);
  EXPECT_EQ(problem_of(parsed(ivrs(block(0x20, 8, memory + "more")))), "bytes_left 80 4 0");
}

TEST(Ivrs, TellsOfMemoryThatCannotBe) {
  const auto memory = [](std::uint64_t start, std::uint64_t length) {
    return block(0x21, 8, number(0, 12) + number(start, 8) + number(length, 8));
  };
  EXPECT_EQ(problem_of(parsed(ivrs(memory(0x1000, 0x2000) + memory(0x2000, 0x1000)))),
            "ranges_overlap 80 0 0");
  EXPECT_EQ(problem_of(parsed(ivrs(memory(UINT64_MAX, 2)))), "range_reversed 48 0 0");
  EXPECT_EQ(problem_of(parsed(ivrs(memory(0x1000, 0)))), "");
}

}  // namespace
}  // namespace cleave
