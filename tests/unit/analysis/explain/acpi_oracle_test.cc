// Every DMAR and IVRS table of the corpus against what `iasl -d` says of it: each line of its
// listing is a field at an offset, and both sides must have the same fields with the same values.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "analysis/explain/kinds.h"
#include "base/format.h"
#include "base/text.h"
#include "support/golden.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

struct IaslField {
  std::string name;
  std::string value;
};
using Fields = std::map<std::uint64_t, IaslField>;  // by offset

std::string read_whole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// --- iasl's side

struct Listing {
  Fields fields;
  std::string bytes;     // of "Raw Table Data"
  bool complete = true;  // false: iasl gave up before the end
};

// "02 00 …  // ..." after the offset.
void add_raw_bytes(std::string_view line, std::string& bytes) {
  line = trim(line.substr(0, line.find("//")));
  for (const std::string_view word : words(line.substr(line.find(':') + 1))) {
    bytes.push_back(static_cast<char>(parse_unsigned<std::uint8_t>(word, 16).value_or(0)));
  }
}

// A value as both sides can give it: numbers in decimal, text in quotes, paths as "2,0", long
// byte strings in hexadecimal without blanks.
std::string normal_value(std::string_view value) {
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    return "\"" + std::string(value.substr(0, value.rfind('"'))) + "\"";
  }
  if (const std::size_t note = value.find(" ["); note != std::string_view::npos) {
    value = value.substr(0, note);
  }
  value = trim(value);
  if (const std::size_t comma = value.find(','); comma != std::string_view::npos) {
    return format("{},{}", parse_unsigned<unsigned>(value.substr(0, comma), 16).value_or(999),
                  parse_unsigned<unsigned>(value.substr(comma + 1), 16).value_or(999));
  }
  if (value.find(' ') != std::string_view::npos) {
    return lower_case(replace_all(std::string(value), " ", ""));
  }
  return format("{}", parse_unsigned<std::uint64_t>(value, 16).value_or(0xBAD));
}

// "[034h 0052 001h]                       Flags : 00"
void add_field(std::string_view line, Fields& fields) {
  const auto offset = parse_unsigned<std::uint64_t>(line.substr(1, line.find('h') - 1), 16);
  const std::size_t close = line.find(']');
  const std::size_t colon = line.find(" : ", close);
  ASSERT_TRUE(offset && close != std::string_view::npos && colon != std::string_view::npos) << line;
  std::string name(trim(line.substr(close + 1, colon - close - 1)));
  if (const std::size_t note = name.find(" (decoded"); note != std::string::npos) name.resize(note);
  fields[*offset] = {name, normal_value(trim(line.substr(colon + 3)))};
}

Listing read_listing(const fs::path& path) {
  const std::string text = read_whole(path);
  Listing listing;
  bool raw = false;
  for (const std::string_view line : lines(text)) {
    if (line.starts_with("Raw Table Data")) {
      raw = true;
    } else if (raw && line.find(": ") != std::string_view::npos) {
      add_raw_bytes(line, listing.bytes);
    } else if (!raw && line.starts_with('[')) {
      add_field(line, listing.fields);
    } else if (line.starts_with("**** Unknown") || line.starts_with("/**** ACPI subtable")) {
      listing.complete = false;
    }
  }
  return listing;
}

// --- cleave's side: the layout of each structure once more, in iasl's words

struct Row {
  std::uint64_t offset;
  const char* iasl_name;
  const char* json_name;
};

class Layout {
 public:
  explicit Layout(const Json& table) {
    add_rows(table, 0,
             {{0, "Signature", "signature"},
              {4, "Table Length", "length"},
              {8, "Revision", "revision"},
              {9, "Checksum", "checksum"},
              {10, "Oem ID", "oem_id"},
              {16, "Oem Table ID", "oem_table_id"},
              {24, "Oem Revision", "oem_revision"},
              {28, "Asl Compiler ID", "creator_id"},
              {32, "Asl Compiler Revision", "creator_revision"}});
    const bool dmar = table.text_of("signature") == "DMAR";
    if (dmar) {
      add_rows(table, 36, {{0, "Host Address Width", "host_address_width"}, {1, "Flags", "flags"}});
      fields_[38] = {"Reserved", std::string(table.text_of("reserved"))};
    } else {
      add_rows(table, 36, {{0, "Virtualization Info", "ivinfo"}, {4, "Reserved", "reserved"}});
    }
    for (const Json& structure : *table.find("structures")->as_array()) {
      dmar ? add_dmar(structure) : add_ivrs(structure);
    }
  }

  [[nodiscard]] const Fields& fields() const { return fields_; }

 private:
  static std::uint64_t number_of(const Json& json, const char* name) {
    const Json* member = json.find(name);
    EXPECT_NE(member, nullptr) << name;
    return member == nullptr ? 0xBAD : member->as_unsigned().value_or(0xBAD);
  }

  // iasl shows a blank for what cannot be printed.
  static std::string quoted(std::string text) {
    for (char& letter : text) {
      if (letter < ' ' || letter > '~') letter = ' ';
    }
    return "\"" + text + "\"";
  }

  void add_rows(const Json& json, std::uint64_t base, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      const Json* member = json.find(row.json_name);
      ASSERT_NE(member, nullptr) << row.json_name;
      const std::string* text = member->as_string();
      fields_[base + row.offset] = {
          row.iasl_name,
          text != nullptr ? quoted(*text) : format("{}", member->as_unsigned().value_or(0xBAD))};
    }
  }

  void add_dmar(const Json& json) {
    const std::uint64_t at = number_of(json, "offset");
    add_rows(json, at, {{0, "Subtable Type", "type"}, {2, "Length", "length"}});
    const Row flags{4, "Flags", "flags"};
    const Row segment{6, "PCI Segment Number", "segment"};
    switch (number_of(json, "type")) {
      case 0:
        add_rows(json, at,
                 {flags,
                  {5, "Size", "size"},
                  segment,
                  {8, "Register Base Address", "register_base_address"}});
        break;
      case 1:
        add_rows(json, at,
                 {{4, "Reserved", "reserved"},
                  segment,
                  {8, "Base Address", "base_address"},
                  {16, "End Address (limit)", "end_address"}});
        break;
      case 2:
      case 5:
        add_rows(json, at, {flags, {5, "Reserved", "reserved"}, segment});
        break;
      case 3:
        add_rows(json, at,
                 {{4, "Reserved", "reserved"},
                  {8, "Base Address", "register_base_address"},
                  {16, "Proximity Domain", "proximity_domain"}});
        break;
      case 4:
        add_rows(json, at,
                 {{4, "Reserved", "reserved"},
                  {7, "Device Number", "acpi_device_number"},
                  {8, "Device Name", "acpi_object_name"}});
        break;
      case 6:
        add_rows(json, at, {{4, "Reserved", "reserved"}, segment});
        break;
      default:
        break;
    }
    for (const Json& scope : *json.find("device_scopes")->as_array()) add_scope(scope);
  }

  void add_scope(const Json& json) {
    const std::uint64_t at = number_of(json, "offset");
    add_rows(json, at,
             {{0, "Device Scope Type", "type"},
              {1, "Entry Length", "length"},
              {2, "Flags", "flags"},
              {3, "Reserved", "reserved"},
              {4, "Enumeration ID", "enumeration_id"},
              {5, "PCI Bus Number", "bus"}});
    std::uint64_t offset = at + 6;
    for (const Json& step : *json.find("path")->as_array()) {
      fields_[offset] = {"PCI Path", format("{},{}", step.as_array()->at(0).as_unsigned().value(),
                                            step.as_array()->at(1).as_unsigned().value())};
      offset += 2;
    }
  }

  void add_ivrs(const Json& json) {
    const std::uint64_t at = number_of(json, "offset");
    const std::uint64_t type = number_of(json, "type");
    if (json.find("raw") != nullptr) return;
    add_rows(json, at,
             {{0, "Subtable Type", "type"},
              {1, "Flags", "flags"},
              {2, "Length", "length"},
              {4, "DeviceId", "device_id"}});
    if (type >= 0x20 && type <= 0x22) {
      add_rows(json, at,
               {{6, "Auxiliary Data", "auxiliary_data"},
                {8, "Reserved", "reserved"},
                {16, "Start Address", "start_address"},
                {24, "Memory Length", "memory_block_length"}});
      return;
    }
    add_rows(json, at,
             {{6, "Capability Offset", "capability_offset"},
              {8, "Base Address", "iommu_base_address"},
              {16, "PCI Segment Group", "pci_segment_group"},
              {18, "Virtualization Info", "iommu_info"}});
    if (type == 0x10) {
      add_rows(json, at, {{20, "Feature Reporting", "iommu_feature_info"}});
    } else {
      add_rows(json, at,
               {{20, "Attributes", "iommu_attributes"},
                {24, "EFR Image", "efr_register_image"},
                {32, "Reserved", "efr2_register_image"}});
    }
    for (const Json& entry : *json.find("device_entries")->as_array()) add_entry(entry);
  }

  void add_entry(const Json& json) {
    const std::uint64_t at = number_of(json, "offset");
    add_rows(json, at,
             {{0, "Subtable Type", "type"},
              {1, "Device ID", "device_id"},
              {3, "Data Setting", "dte_setting"}});
    switch (number_of(json, "type")) {
      case 0x42:
      case 0x43:
        add_rows(json, at,
                 {{4, "Reserved", "reserved"},
                  {5, "Source Used Device ID", "source_device_id"},
                  {7, "Reserved", "reserved_2"}});
        break;
      case 0x46:
      case 0x47:
        add_rows(json, at, {{4, "Extended Data", "extended_dte_setting"}});
        break;
      case 0x48:
        add_rows(json, at,
                 {{4, "Handle", "handle"},
                  {5, "Source Used Device ID", "source_device_id"},
                  {7, "Variety", "variety"}});
        break;
      case 0xF0:
        add_rows(json, at, {{4, "ACPI HID", "hardware_id"}, {12, "ACPI CID", "compatible_id"}});
        // iasl does not list the rest where there is no UID.
        if (number_of(json, "unique_id_format") != 0) {
          add_rows(json, at,
                   {{20, "UID Format", "unique_id_format"},
                    {21, "UID Length", "unique_id_length"},
                    {22, "UID", "unique_id"}});
        }
        break;
      default:
        break;
    }
  }

  Fields fields_;
};

// iasl reads eight bytes for an integer UID, whatever length the table gives it.
std::string uid_of_length(const Fields& fields, std::uint64_t offset, const std::string& value) {
  const auto length = fields.find(offset - 1);
  const auto number = parse_unsigned<std::uint64_t>(value);
  if (length == fields.end() || !number) return value;
  const auto bytes = parse_unsigned<unsigned>(length->second.value).value_or(8);
  return bytes >= 8 ? value : format("{}", *number & ((std::uint64_t{1} << (8 * bytes)) - 1));
}

std::size_t compare(const Listing& expected, const Layout& actual, const std::string& name) {
  for (const auto& [offset, field] : expected.fields) {
    const auto found = actual.fields().find(offset);
    if (found == actual.fields().end()) {
      ADD_FAILURE() << name << ": nothing at " << offset << ", iasl has " << field.name;
      continue;
    }
    const std::string value =
        field.name == "UID" ? uid_of_length(expected.fields, offset, field.value) : field.value;
    EXPECT_EQ(found->second.name, field.name) << name << " at " << offset;
    EXPECT_EQ(found->second.value, value) << name << " at " << offset << ", " << field.name;
  }
  const std::uint64_t last = expected.fields.empty() ? 0 : expected.fields.rbegin()->first;
  for (const auto& [offset, field] : actual.fields()) {
    if (!expected.complete && offset > last) break;
    EXPECT_TRUE(expected.fields.contains(offset))
        << name << ": iasl has no " << field.name << " at " << offset;
  }
  return expected.fields.size();
}

TEST(AcpiOracle, DecodesEveryTableOfTheCorpusAsIaslDoes) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  std::map<std::string, Listing> listings;  // by the table's bytes
  for (const auto& entry : fs::directory_iterator(corpus + "/acpi/iasl-dsl")) {
    Listing listing = read_listing(entry.path());
    listings[listing.bytes] = std::move(listing);
  }
  std::size_t tables = 0;
  std::size_t fields = 0;
  std::size_t without_listing = 0;
  for (const auto& entry : fs::recursive_directory_iterator(corpus + "/acpi")) {
    const std::string kind = entry.path().extension();
    if (kind != ".DMAR" && kind != ".IVRS") continue;
    const std::string bytes = read_whole(entry.path());
    const auto listing = listings.find(bytes);
    if (listing == listings.end()) {
      ++without_listing;
      continue;
    }
    EXPECT_EQ(kAcpiTableExplainer.recognise(bytes), 100U) << entry.path();
    const Explanation explanation = kAcpiTableExplainer.explain(bytes);
    EXPECT_EQ(*explanation.decoded.find("checksum_ok")->as_bool(), true) << entry.path();
    fields += compare(listing->second, Layout(explanation.decoded), entry.path().filename());
    ++tables;
  }
  std::printf("%zu tables, %zu fields compared with iasl; %zu tables without a listing\n", tables,
              fields, without_listing);
  // Each listing belongs to a table of the corpus.
  EXPECT_GE(tables, listings.size());
  EXPECT_GT(fields, 0U);
}

}  // namespace
}  // namespace cleave
