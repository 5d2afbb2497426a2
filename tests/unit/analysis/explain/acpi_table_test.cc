// What a person is told about a table.
#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/explain/kinds.h"
#include "base/text.h"
#include "support/acpi_bytes.h"

namespace cleave {
namespace {

using testing::block;
using testing::dmar;
using testing::drhd;
using testing::dump_text;
using testing::ivhd;
using testing::ivrs;
using testing::number;
using testing::rmrr;
using testing::scope;
using testing::step;

const std::string kGpu = scope(1, 0, step(2, 0));
const std::string kUsb = scope(1, 0, step(0x14, 0));

// As laptops have it: one unit for the GPU, one for all the rest, memory of both.
std::string laptop(unsigned flags = 5) {
  return dmar(drhd(0, 0xFED90000, kGpu) + drhd(1, 0xFED91000, scope(3, 0, step(0x1E, 7), 2)) +
                  rmrr(0x89D5B000, 0x89D7AFFF, kUsb) + rmrr(0x8B000000, 0x8F7FFFFF, kGpu),
              0x26, flags);
}

Explanation explained(const std::string& bytes) {
  const Explanation explanation = kAcpiTableExplainer.explain(bytes);
  EXPECT_EQ(explanation.kind, "acpi-table");
  for (const Annotation& note : explanation.annotations) {
    EXPECT_TRUE(note.id.starts_with("acpi.")) << note.id;
    EXPECT_FALSE(note.meaning.empty()) << note.id;
    EXPECT_EQ(english(note.meaning).find('{'), std::string::npos) << english(note.meaning);
    EXPECT_EQ(english(note.action).find('{'), std::string::npos) << english(note.action);
  }
  return explanation;
}

std::string ids_of(const Explanation& explanation) {
  std::vector<std::string> ids;
  for (const Annotation& note : explanation.annotations) ids.push_back(note.id.substr(5));
  return join(ids, " ");
}

const Annotation* find_note(const Explanation& explanation, std::string_view id) {
  const auto found = std::ranges::find(explanation.annotations, id, &Annotation::id);
  EXPECT_NE(found, explanation.annotations.end()) << id << " is not in " << ids_of(explanation);
  return found == explanation.annotations.end() ? nullptr : &*found;
}

std::uint64_t number_at(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? UINT64_MAX : member->as_unsigned().value_or(UINT64_MAX);
}

TEST(AcpiExplainer, Recognises) {
  const auto sure = kAcpiTableExplainer.recognise;
  EXPECT_EQ(sure(laptop()), 100U);
  EXPECT_EQ(sure(ivrs("")), 100U);
  EXPECT_EQ(sure(testing::table("FACP", "abc")), 100U);
  EXPECT_EQ(sure(laptop().substr(0, 60)), 90U);
  EXPECT_EQ(sure(dump_text(laptop(), "DMAR")), 95U);
  EXPECT_EQ(sure(dump_text(testing::table("FACP", "abc"), "FACP")), 95U);
  for (const char* text :
       {"", "D", "DMAR", "DMAR: IOMMU enabled\n", "[    0.010] ACPI: DMAR 0x000000008F7E1000",
        "[    0.1] DMAR: Host address width 39\n", "GRUB_CMDLINE_LINUX=\"\"\n",
        "CONFIG_INTEL_IOMMU=y\n", "00:02.0 VGA compatible controller\n00: 86 80 41 9b 07 04\n",
        "00000000: 7f45 4c46 0201 0100 0000 0000 0000 0000  .ELF............\n"}) {
    EXPECT_EQ(sure(text), 0U) << text;
  }
  EXPECT_EQ(sure(std::string(1000, '\0')), 0U);
}

TEST(AcpiExplainer, ALaptopWithAUnitForItsGpu) {
  const Explanation explanation = explained(laptop());
  EXPECT_EQ(ids_of(explanation),
            "host_address_width interrupt_remapping dma_control_opt_in drhd_gpu_only "
            "drhd_include_pci_all rmrr_usb rmrr_gpu no_atsr no_satc");
  EXPECT_EQ(find_note(explanation, "acpi.rmrr_gpu")->severity, Severity::Harmless);
  EXPECT_NE(english(find_note(explanation, "acpi.rmrr_gpu")->meaning).find("72 MiB"),
            std::string::npos);
  EXPECT_NE(english(find_note(explanation, "acpi.rmrr_usb")->meaning).find("00:14.0"),
            std::string::npos);
  EXPECT_NE(english(find_note(explanation, "acpi.host_address_width")->action).find("=39"),
            std::string::npos);
}

TEST(AcpiExplainer, DecodedFields) {
  const Json decoded = explained(laptop()).decoded;
  EXPECT_EQ(decoded.text_of("signature"), "DMAR");
  EXPECT_EQ(number_at(decoded, "length"), laptop().size());
  EXPECT_EQ(*decoded.find("checksum_ok")->as_bool(), true);
  EXPECT_EQ(number_at(decoded, "host_address_width"), 0x26U);
  EXPECT_EQ(number_at(decoded, "flags"), 5U);
  const Json::Array& structures = *decoded.find("structures")->as_array();
  ASSERT_EQ(structures.size(), 4U);
  EXPECT_EQ(number_at(structures[0], "type"), 0U);
  EXPECT_EQ(number_at(structures[0], "offset"), 48U);
  EXPECT_EQ(number_at(structures[0], "length"), 24U);
  EXPECT_EQ(number_at(structures[0], "register_base_address"), 0xFED90000U);
  EXPECT_EQ(number_at(structures[3], "end_address"), 0x8F7FFFFFU);
  const Json& device = structures[1].find("device_scopes")->as_array()->at(0);
  EXPECT_EQ(number_at(device, "type"), 3U);
  EXPECT_EQ(number_at(device, "enumeration_id"), 2U);
  EXPECT_EQ(to_text(*device.find("path")), "[[30,7]]");
  EXPECT_EQ(decoded.find("tables"), nullptr);
}

TEST(AcpiExplainer, FlagsOfTheTable) {
  EXPECT_EQ(find_note(explained(laptop(0)), "acpi.no_interrupt_remapping")->severity,
            Severity::Warning);
  EXPECT_NE(find_note(explained(laptop(3)), "acpi.x2apic_opt_out"), nullptr);
  EXPECT_EQ(ids_of(explained(laptop(1))).find("opt"), std::string::npos);
}

TEST(AcpiExplainer, AUnitWithMoreThanTheGpuIsNoGpuUnit) {
  const Explanation both = explained(dmar(drhd(0, 0xFED90000, kGpu + kUsb)));
  EXPECT_EQ(ids_of(both).find("drhd_gpu_only"), std::string::npos);
  const Explanation other_segment = explained(dmar(drhd(0, 0xFED90000, kGpu, 1)));
  EXPECT_EQ(ids_of(other_segment).find("drhd_gpu_only"), std::string::npos);
  EXPECT_NE(find_note(explained(dmar(drhd(1, 0))), "acpi.drhd_address_zero"), nullptr);
  EXPECT_NE(find_note(explained(dmar("")), "acpi.no_drhd"), nullptr);
}

TEST(AcpiExplainer, MemoryOfAnotherDeviceKeepsItFromVms) {
  const Explanation raid =
      explained(dmar(rmrr(0x1000, 0x2FFF, scope(1, 0, step(1, 0) + step(0, 0)) + kUsb)));
  const Annotation* note = find_note(raid, "acpi.rmrr_device");
  ASSERT_NE(note, nullptr);
  EXPECT_EQ(note->severity, Severity::Warning);
  EXPECT_NE(english(note->meaning).find("00:01.0/00.0, 00:14.0"), std::string::npos);
}

TEST(AcpiExplainer, Damage) {
  std::string wrong = laptop();
  testing::set_byte(wrong, 9, static_cast<std::uint8_t>(wrong[9]) + 1U);
  const Explanation checksum = explained(wrong);
  EXPECT_NE(find_note(checksum, "acpi.checksum_wrong"), nullptr);
  EXPECT_EQ(*checksum.decoded.find("checksum_ok")->as_bool(), false);
  const Explanation cut = explained(laptop().substr(0, 100));
  EXPECT_NE(find_note(cut, "acpi.table_truncated"), nullptr);
  EXPECT_EQ(ids_of(cut).find("no_satc"), std::string::npos) << "nobody knows";
  const Explanation stump = explained(laptop().substr(0, 40));
  EXPECT_EQ(ids_of(stump), "malformed");
  EXPECT_EQ(stump.decoded.text_of("oem_id"), "OEMID");
  const Explanation letters = explained(std::string("DMAR\x30\0\0\0", 8));
  EXPECT_EQ(ids_of(letters), "malformed");
  EXPECT_EQ(letters.decoded.text_of("signature"), "DMAR");
}

// Every kind of damage has a sentence.
TEST(AcpiExplainer, EveryProblemIsTold) {
  const std::vector<std::string> tables = {
      laptop() + "more",
      dmar(number(0, 4)),
      dmar(testing::structure(1, "")),
      dmar(testing::structure(3, std::string(20, 'x'))),
      dmar(testing::structure(0x55, "")),
      dmar(testing::structure(4, "aaaabbbb")),
      dmar(drhd(0, 1, scope(1, 0, ""))),
      dmar(drhd(0, 1, scope(1, 0, "abc"))),
      dmar(drhd(0, 1, number(1, 1) + number(99, 1) + number(0, 6))),
      dmar(rmrr(2, 1, kGpu)),
      dmar(rmrr(0, 0x1FFF, kGpu) + rmrr(0x1000, 0x2FFF, kGpu)),
      ivrs(ivhd(0x10, number(5, 4)))};
  for (const std::string& bytes : tables) {
    const Explanation explanation = explained(bytes);
    const Json::Array& problems = *explanation.decoded.find("problems")->as_array();
    ASSERT_EQ(problems.size(), 1U) << to_text(explanation.decoded);
    find_note(explanation, "acpi." + std::string(problems[0].text_of("id")));
  }
}

TEST(AcpiExplainer, ManyFaultsAreCounted) {
  std::string structures;
  for (int i = 0; i < 100; ++i) structures += testing::structure(0x99, "");
  const Explanation explanation = explained(dmar(structures));
  const Annotation* note = find_note(explanation, "acpi.more_problems");
  ASSERT_NE(note, nullptr);
  EXPECT_NE(english(note->meaning).find("36 more"), std::string::npos);
}

TEST(AcpiExplainer, AmdMachines) {
  const std::string ioapic = number(0x48, 1) + number(0, 2) + number(0xD7, 1) + number(0x21, 1) +
                             number(0xA0, 2) + number(1, 1);
  const std::string memory = block(
      0x22, 8,
      number(0x300, 2) + number(0x307, 2) + number(0, 8) + number(0x1000, 8) + number(0x3000, 8));
  const Explanation good =
      explained(ivrs(ivhd(0x10, ioapic) + ivhd(0x11, ioapic) + memory, 0x203043));
  EXPECT_EQ(ids_of(good), "ivhd ivhd_repeated ivrs_dma_remap ivmd");
  EXPECT_NE(english(find_note(good, "acpi.ivhd")->meaning).find("00:00.2"), std::string::npos);
  EXPECT_NE(english(find_note(good, "acpi.ivmd")->meaning).find("03:00.0 – 03:00.7"),
            std::string::npos);
  EXPECT_EQ(ids_of(explained(ivrs(ivhd(0x11, "")))), "ivhd no_southbridge_ioapic");
  EXPECT_EQ(ids_of(explained(ivrs(""))), "no_ivhd");
}

TEST(AcpiExplainer, ADumpOfSeveralTables) {
  const Explanation explanation =
      explained(dump_text(testing::table("FACP", "abc"), "FACP") + dump_text(laptop(), "DMAR"));
  EXPECT_EQ(explanation.decoded.text_of("signature"), "DMAR");
  const Json* tables = explanation.decoded.find("tables");
  ASSERT_NE(tables, nullptr);
  ASSERT_EQ(tables->as_array()->size(), 2U);
  EXPECT_EQ(tables->as_array()->at(0).text_of("signature"), "FACP");
  EXPECT_EQ(to_text(*tables->as_array()->at(1).find("structures")),
            to_text(*explained(laptop()).decoded.find("structures")));
  EXPECT_EQ(find_note(explanation, "acpi.rmrr_gpu")->line, 6U);
}

TEST(AcpiExplainer, ADumpOfOneTableIsThatTable) {
  EXPECT_EQ(explained(dump_text(laptop(), "DMAR")).decoded, explained(laptop()).decoded);
}

TEST(AcpiExplainer, ADumpWithoutAnIommu) {
  const std::string other = dump_text(testing::table("FACP", "abc"), "FACP");
  EXPECT_EQ(ids_of(explained(other)), "no_iommu_table");
  EXPECT_EQ(ids_of(explained(dump_text(testing::table("SSDT", "abc"), "SSDT"))), "other_table");
  EXPECT_EQ(ids_of(explained(testing::table("FACP", "abc"))), "other_table");
}

TEST(AcpiExplainer, ADumpWithALineMissing) {
  std::string text = dump_text(laptop(), "DMAR");
  const std::size_t line = text.find("    0030:");
  text.erase(line, text.find('\n', line) + 1 - line);
  const Explanation explanation = explained(text);
  EXPECT_EQ(find_note(explanation, "acpi.dump_gap")->line, 5U);
  EXPECT_NE(find_note(explanation, "acpi.table_truncated"), nullptr);
}

}  // namespace
}  // namespace cleave
