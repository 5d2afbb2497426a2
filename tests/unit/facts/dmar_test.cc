// DMAR tables made by hand: one of each structure, and every kind of damage.
#include "facts/dmar.h"

#include <gtest/gtest.h>

#include "facts/dmar_devices.h"
#include "support/acpi_bytes.h"

namespace cleave {
namespace {

using testing::dmar;
using testing::drhd;
using testing::number;
using testing::rmrr;
using testing::scope;
using testing::step;
using testing::structure;
using Kind = AcpiProblemKind;

const std::string kGpuScope = scope(1, 0, step(2, 0));

DmarTable parsed(const std::string& bytes) {
  auto table = parse_dmar(bytes);
  EXPECT_TRUE(table.has_value()) << (table ? "" : english(table.error()));
  return table ? *table : DmarTable();
}

// The only problem, as "kind offset length available"; all names where there are more.
std::string problem_of(const DmarTable& table) {
  std::string text;
  for (const AcpiProblem& problem : table.problems.list) {
    if (!text.empty()) text += ", ";
    text += format("{} {} {} {}", acpi_problem_name(problem.kind), problem.offset, problem.length,
                   problem.available);
  }
  return text;
}

// The body of the first structure.
template <typename Body>
Body first(const DmarTable& table) {
  if (table.structures.empty()) return {};
  const auto* body = std::get_if<Body>(&table.structures.front().body);
  EXPECT_NE(body, nullptr);
  return body == nullptr ? Body() : *body;
}

TEST(Dmar, HeaderAndOwnFields) {
  const DmarTable table = parsed(dmar("", 0x26, 5));
  EXPECT_EQ(table.header.signature, "DMAR");
  EXPECT_EQ(table.header.length, 48U);
  EXPECT_EQ(table.header.revision, 1);
  EXPECT_EQ(table.header.oem_id, "OEMID");
  EXPECT_EQ(table.header.oem_table_id, "TABLEID");
  EXPECT_EQ(table.header.oem_revision, 0x20240101U);
  EXPECT_EQ(table.header.creator_id, "TEST");
  EXPECT_EQ(table.header.creator_revision, 7U);
  EXPECT_TRUE(table.checksum_ok);
  EXPECT_EQ(table.address_bits(), 39U);
  EXPECT_EQ(table.flags, 5);
  EXPECT_TRUE(table.structures.empty());
  EXPECT_EQ(problem_of(table), "");
}

TEST(Dmar, Drhd) {
  const DmarTable table =
      parsed(dmar(drhd(0, 0xFED90000, kGpuScope + scope(2, 0, step(0x1C, 4) + step(0, 1)), 3)));
  EXPECT_EQ(problem_of(table), "");
  ASSERT_EQ(table.structures.size(), 1U);
  EXPECT_EQ(first<Drhd>(table),
            (Drhd{.flags = 0, .size = 0, .segment = 3, .register_base_address = 0xFED90000}));
  EXPECT_EQ(table.structures[0].offset, 48U);
  EXPECT_EQ(table.structures[0].length, 16U + 8U + 10U);
  ASSERT_EQ(table.structures[0].device_scopes.size(), 2U);
  const DeviceScope& bridge = table.structures[0].device_scopes[1];
  EXPECT_EQ(bridge.type, DeviceScope::kPciBridge);
  EXPECT_EQ(bridge.offset, 48U + 16U + 8U);
  EXPECT_EQ(bridge.path, (std::vector<PciPathStep>{{0x1C, 4}, {0, 1}}));
}

TEST(Dmar, Rmrr) {
  const DmarTable table = parsed(dmar(rmrr(0x8D000000, 0x8F7FFFFF, kGpuScope, 1)));
  EXPECT_EQ(
      first<Rmrr>(table),
      (Rmrr{.reserved = 0, .segment = 1, .base_address = 0x8D000000, .end_address = 0x8F7FFFFF}));
  EXPECT_EQ(problem_of(table), "");
}

TEST(Dmar, Atsr) {
  const DmarTable table =
      parsed(dmar(structure(2, number(1, 1) + number(9, 1) + number(2, 2) + kGpuScope)));
  EXPECT_EQ(first<Atsr>(table), (Atsr{.flags = 1, .reserved = 9, .segment = 2}));
  EXPECT_EQ(table.structures.at(0).device_scopes.size(), 1U);
}

TEST(Dmar, Rhsa) {
  const DmarTable table =
      parsed(dmar(structure(3, number(0, 4) + number(0xC7FFC000, 8) + number(4, 4))));
  EXPECT_EQ(first<Rhsa>(table),
            (Rhsa{.reserved = 0, .register_base_address = 0xC7FFC000, .proximity_domain = 4}));
}

TEST(Dmar, Andd) {
  const std::string name = R"(\_SB.PCI0.I2C0)";
  const DmarTable table =
      parsed(dmar(structure(4, number(0x030201, 3) + number(7, 1) + name + std::string(6, '\0'))));
  EXPECT_EQ(first<Andd>(table),
            (Andd{.reserved = 0x030201, .acpi_device_number = 7, .acpi_object_name = name}));
  EXPECT_EQ(problem_of(table), "");
}

TEST(Dmar, SatcAndSidp) {
  const DmarTable table =
      parsed(dmar(structure(5, number(1, 1) + number(0, 1) + number(2, 2) + kGpuScope) +
                  structure(6, number(0, 2) + number(3, 2) + scope(1, 0, step(2, 0), 0, 0x1F))));
  EXPECT_EQ(first<Satc>(table), (Satc{.flags = 1, .reserved = 0, .segment = 2}));
  ASSERT_EQ(table.structures.size(), 2U);
  EXPECT_EQ(std::get<Sidp>(table.structures[1].body), (Sidp{.reserved = 0, .segment = 3}));
  EXPECT_EQ(table.structures[1].device_scopes.at(0).flags, 0x1F);
}

TEST(Dmar, KeepsAnUnknownStructureAndGoesOn) {
  const DmarTable table = parsed(dmar(structure(0x77, "abc") + drhd(1, 0xFED91000)));
  EXPECT_EQ(first<DmarRaw>(table), DmarRaw{"abc"});
  EXPECT_EQ(table.structures.at(0).type, 0x77);
  EXPECT_TRUE(std::holds_alternative<Drhd>(table.structures.at(1).body));
  EXPECT_EQ(problem_of(table), "unknown_structure 48 7 0");
  EXPECT_EQ(dmar_type_name(0x77), "");
  EXPECT_EQ(dmar_type_name(6), "SIDP");
}

TEST(Dmar, RefusesWhatIsNoTable) {
  EXPECT_FALSE(parse_dmar("").has_value());
  EXPECT_FALSE(parse_dmar(std::string(200, '\0')).has_value());
  EXPECT_FALSE(parse_dmar(testing::ivrs("")).has_value());
  EXPECT_FALSE(parse_dmar(testing::table("DMAR", "")).has_value()) << "shorter than its own fields";
  std::string huge = dmar("");
  huge.replace(4, 4, number(kLargestIommuTable + 1, 4));
  EXPECT_FALSE(parse_dmar(huge).has_value());
  std::string zero = dmar("");
  zero.replace(4, 4, number(0, 4));
  EXPECT_FALSE(parse_dmar(zero).has_value());
}

TEST(Dmar, TellsOfAWrongChecksum) {
  std::string bytes = dmar(drhd(1, 0xFED91000));
  testing::set_byte(bytes, 60, 0x55);
  const DmarTable table = parsed(bytes);
  EXPECT_FALSE(table.checksum_ok);
  EXPECT_TRUE(table.problems.has(Kind::ChecksumWrong));
  EXPECT_EQ(table.structures.size(), 1U);
}

TEST(Dmar, TellsOfBytesAfterTheTable) {
  const DmarTable table = parsed(dmar("") + "more");
  EXPECT_TRUE(table.checksum_ok);
  EXPECT_EQ(problem_of(table), "bytes_after_table 48 4 0");
}

// Cut off at any byte: an error or a problem that names the place, and nothing invented.
TEST(Dmar, TellsOfTruncationAtEveryByte) {
  const std::string whole =
      dmar(drhd(0, 0xFED90000, kGpuScope) + drhd(1, 0xFED91000, scope(3, 0xF0, step(0x1F, 0), 2)) +
           rmrr(0x8D000000, 0x8F7FFFFF, kGpuScope) +
           structure(4, number(0, 3) + number(1, 1) + "I2C0" + number(0, 1)));
  const DmarTable all = parsed(whole);
  ASSERT_EQ(problem_of(all), "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto table = parse_dmar(whole.substr(0, size));
    if (size < 48) {
      EXPECT_FALSE(table.has_value()) << size;
      continue;
    }
    ASSERT_TRUE(table.has_value()) << size;
    EXPECT_FALSE(table->checksum_ok);
    ASSERT_TRUE(table->problems.has(Kind::TableTruncated)) << size;
    EXPECT_EQ(table->problems.list.front().offset, size);
    ASSERT_LE(table->structures.size(), all.structures.size());
    for (std::size_t i = 0; i < table->structures.size(); ++i) {
      const DmarStructure& original = all.structures[i];
      const bool complete = original.offset + original.length <= size;
      if (complete) {
        EXPECT_EQ(table->structures[i], original) << size;
      } else {
        EXPECT_TRUE(table->problems.has(Kind::StructureOverruns)) << size;
      }
    }
  }
}

TEST(Dmar, TellsOfLengthsThatCannotBe) {
  const std::string good = drhd(1, 0xFED91000);
  EXPECT_EQ(problem_of(parsed(dmar(good + number(0, 2) + number(0, 2)))),
            "length_too_small 64 0 4");
  EXPECT_EQ(problem_of(parsed(dmar(good + number(0, 2) + number(3, 2) + good))),
            "length_too_small 64 3 20");
  EXPECT_EQ(problem_of(parsed(dmar(good + "abc"))), "bytes_left 64 3 0");
  EXPECT_EQ(problem_of(parsed(dmar(structure(1, number(0, 8))))), "structure_too_short 48 12 24");
  std::string overrun = drhd(1, 0xFED91000);
  overrun.replace(2, 2, number(200, 2));
  const DmarTable table = parsed(dmar(overrun));
  EXPECT_EQ(problem_of(table), "structure_overruns 48 200 16");
  EXPECT_EQ(first<Drhd>(table).register_base_address, 0xFED91000U);
  EXPECT_EQ(problem_of(parsed(dmar(structure(3, number(0, 16) + "more")))), "bytes_left 68 4 0");
}

TEST(Dmar, TellsOfScopesThatCannotBe) {
  const auto with_scope = [](const std::string& bytes) {
    return problem_of(parsed(dmar(drhd(0, 0xFED90000, kGpuScope + bytes))));
  };
  EXPECT_EQ(with_scope(number(1, 1)), "bytes_left 72 1 0");
  EXPECT_EQ(with_scope(number(1, 1) + number(0, 5)), "length_too_small 72 0 6");
  EXPECT_EQ(with_scope(number(1, 1) + number(5, 1) + number(0, 4)), "length_too_small 72 5 6");
  EXPECT_EQ(with_scope(number(1, 1) + number(9, 1) + number(0, 6)), "scope_overruns 72 9 8");
  EXPECT_EQ(with_scope(scope(1, 0, "")), "scope_too_short 72 6 0");
  EXPECT_EQ(with_scope(scope(1, 0, "x")), "scope_too_short 72 7 0");
  EXPECT_EQ(with_scope(scope(1, 0, step(2, 0) + "x")), "scope_path_odd 72 9 0");
}

TEST(Dmar, TellsOfAddressesThatCannotBe) {
  EXPECT_EQ(problem_of(parsed(dmar(rmrr(0x2000, 0x1FFF, kGpuScope)))), "range_reversed 48 0 0");
  const std::string usb = scope(1, 0, step(0x14, 0));
  EXPECT_EQ(problem_of(parsed(dmar(rmrr(0x1000, 0x2FFF, kGpuScope) + rmrr(0x2000, 0x3FFF, usb)))),
            "ranges_overlap 80 0 0");
  EXPECT_EQ(problem_of(parsed(dmar(rmrr(0x1000, 0x1FFF, kGpuScope) + rmrr(0x2000, 0x3FFF, usb)))),
            "");
  EXPECT_EQ(problem_of(parsed(dmar(rmrr(0x1000, 0x1FFF, kGpuScope) + rmrr(0x1000, 0x1FFF, usb)))),
            "")
      << "one range for two devices";
  EXPECT_EQ(
      problem_of(parsed(dmar(rmrr(0x1000, 0x2FFF, kGpuScope) + rmrr(0x2000, 0x3FFF, usb, 1)))), "")
      << "different segments";
}

TEST(Dmar, ANameWithoutAnEndIsToldOf) {
  EXPECT_EQ(problem_of(parsed(dmar(structure(4, number(0, 4) + "I2C0")))),
            "name_unterminated 56 4 0");
  EXPECT_EQ(problem_of(parsed(dmar(structure(4, number(0, 4) + "I2C" + number(0, 1) + "x")))),
            "bytes_left 59 2 0");
}

TEST(Dmar, AHostileTableHasOnlySoManyProblems) {
  std::string structures;
  for (int i = 0; i < 1000; ++i) structures += structure(0x99, "");
  const DmarTable table = parsed(dmar(structures));
  EXPECT_EQ(table.structures.size(), 1000U);
  EXPECT_EQ(table.problems.list.size(), AcpiProblems::kMost);
  EXPECT_EQ(table.problems.left_out, 1000U - AcpiProblems::kMost);
}

// --- which unit serves which device

PciAddress address(const char* text) { return parse_pci_address(text).value_or(PciAddress()); }

TEST(DmarDevices, TheUnitThatNamesTheDeviceComesBeforeTheOneForAll) {
  const DmarTable table = parsed(
      dmar(drhd(1, 0xFED91000) + drhd(0, 0xFED90000, kGpuScope) + drhd(1, 0xFEDA0000, "", 1)));
  const std::vector<PciAddress> gpu = {address("0000:00:02.0")};
  const std::vector<PciAddress> other = {address("0000:00:1f.3")};
  const std::vector<PciAddress> elsewhere = {address("0001:00:02.0")};
  const std::vector<PciAddress> nowhere = {address("0002:00:02.0")};
  EXPECT_EQ(responsible_drhd(table, gpu), &table.structures[1]);
  EXPECT_EQ(responsible_drhd(table, other), &table.structures[0]);
  EXPECT_EQ(responsible_drhd(table, elsewhere), &table.structures[2]);
  EXPECT_EQ(responsible_drhd(table, nowhere), nullptr);
  EXPECT_EQ(responsible_drhd(table, {}), nullptr);
}

TEST(DmarDevices, ABridgeStandsForAllBehindIt) {
  const DmarTable table =
      parsed(dmar(drhd(0, 0x1000, scope(2, 0, step(0x1C, 0))) +
                  drhd(0, 0x2000, scope(1, 0, step(0x1D, 0) + step(0, 0))) + drhd(1, 0x3000)));
  const std::vector<PciAddress> behind = {address("0000:00:1c.0"), address("0000:03:00.0"),
                                          address("0000:04:00.0")};
  const std::vector<PciAddress> endpoint = {address("0000:00:1d.0"), address("0000:05:00.0")};
  const std::vector<PciAddress> sibling = {address("0000:00:1d.0"), address("0000:05:00.1")};
  EXPECT_EQ(responsible_drhd(table, behind), &table.structures[0]);
  EXPECT_EQ(responsible_drhd(table, endpoint), &table.structures[1]);
  EXPECT_EQ(responsible_drhd(table, sibling), &table.structures[2]);
  // An endpoint scope says nothing of what is behind it.
  const std::vector<PciAddress> deeper = {address("0000:00:1d.0"), address("0000:05:00.0"),
                                          address("0000:06:00.0")};
  EXPECT_EQ(responsible_drhd(table, deeper), &table.structures[2]);
}

TEST(DmarDevices, FirmwareMayGiveTheDevicesOwnBus) {
  const DmarTable table = parsed(dmar(drhd(0, 0x1000, scope(1, 3, step(0, 0))) + drhd(1, 0x3000)));
  const std::vector<PciAddress> path = {address("0000:00:1c.0"), address("0000:03:00.0")};
  EXPECT_EQ(responsible_drhd(table, path), &table.structures[0]);
}

TEST(DmarDevices, WhatIsBehindVmdIsVmd) {
  const DmarTable table =
      parsed(dmar(drhd(0, 0x1000, scope(1, 0, step(0x0E, 0))) + drhd(1, 0x3000)));
  const std::vector<PciAddress> disk = {address("0000:00:0e.0"), address("10000:e0:1d.0"),
                                        address("10000:e1:00.0")};
  EXPECT_EQ(responsible_drhd(table, disk), &table.structures[0]);
}

TEST(DmarDevices, ReservedMemoryOfADevice) {
  const std::string usb = scope(1, 0, step(0x14, 0));
  const DmarTable table =
      parsed(dmar(rmrr(0x1000, 0x1FFF, usb) + rmrr(0x4000, 0x5FFF, kGpuScope) +
                  rmrr(0x8000, 0x8FFF, usb + kGpuScope) + rmrr(0xA000, 0xAFFF, kGpuScope, 1)));
  const std::vector<PciAddress> gpu = {address("0000:00:02.0")};
  EXPECT_EQ(rmrrs_of(table, gpu),
            (std::vector<const DmarStructure*>{&table.structures[1], &table.structures[2]}));
  const std::vector<PciAddress> sound = {address("0000:00:1f.3")};
  EXPECT_TRUE(rmrrs_of(table, sound).empty());
}

}  // namespace
}  // namespace cleave
