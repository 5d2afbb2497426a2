#include <algorithm>
#include <optional>

#include "analysis/explain/acpi_table_json.h"
#include "analysis/explain/acpi_table_notes.h"
#include "analysis/explain/kinds.h"
#include "facts/acpidump.h"

namespace cleave {
namespace {

// As much of a text as is looked at to recognise it. The first table of a dump is in it.
constexpr std::size_t kLookedAt = std::size_t{64} << 10U;

bool is_iommu_signature(std::string_view signature) {
  return signature == "DMAR" || signature == "IVRS";
}

bool looks_like_signature(std::string_view text) {
  return text.size() == 4 && std::ranges::all_of(text, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '!' || c == '_';
         });
}

// Of a table that starts with the bytes.
bool is_whole_table(std::string_view bytes) {
  const auto header = parse_acpi_header(bytes);
  return header && looks_like_signature(header->signature) && header->length >= kAcpiHeaderSize &&
         header->length <= bytes.size() && acpi_sum(bytes.substr(0, header->length)) == 0;
}

unsigned recognise_binary(std::string_view bytes) {
  if (is_whole_table(bytes)) return 100;
  if (bytes.size() < 8 || !is_iommu_signature(bytes.substr(0, 4))) return 0;
  // Text that begins with these letters has no length below 16 MiB after them.
  return byte_at(bytes, 7) == 0 ? 90 : 0;
}

unsigned recognise_dump(std::string_view bytes) {
  const AcpiDump dump = parse_acpidump(bytes.substr(0, kLookedAt));
  for (const AcpiDumpTable& table : dump.tables) {
    const std::string_view signature = std::string_view(table.bytes).substr(0, 4);
    if (!table.name.empty() && looks_like_signature(signature)) return 95;
    if (is_iommu_signature(signature)) return 90;
  }
  return 0;
}

unsigned recognise_table(std::string_view bytes) {
  return std::max(recognise_binary(bytes), recognise_dump(bytes));
}

// What one table says. The header of a table that is none of IOMMUs is enough to list it.
Json explain_header(std::string_view bytes) {
  const auto header = parse_acpi_header(bytes);
  if (!header) return Json::object({{"signature", Json(bytes.substr(0, 4))}});
  const bool whole = header->length <= bytes.size();
  return to_json(*header, whole && acpi_sum(bytes.substr(0, header->length)) == 0);
}

template <typename Table>
Json explain_parsed(const Result<Table>& table, std::string_view bytes,
                    std::vector<Annotation>& notes) {
  if (table) {
    notes = notes_on(*table);
    return to_json(*table);
  }
  Annotation note;
  note.id = "acpi.malformed";
  note.severity = Severity::Problem;
  note.meaning = table.error().message;
  note.action = N_("Take the table from /sys/firmware/acpi/tables again, as root.");
  note.arguments = table.error().message.fields;
  notes.push_back(std::move(note));
  return explain_header(bytes);
}

Json explain_one(std::string_view bytes, std::vector<Annotation>& notes) {
  const std::string_view signature = bytes.substr(0, 4);
  if (signature == "DMAR") return explain_parsed(parse_dmar(bytes), bytes, notes);
  if (signature == "IVRS") return explain_parsed(parse_ivrs(bytes), bytes, notes);
  return explain_header(bytes);
}

void append_at(std::vector<Annotation>& all, std::vector<Annotation> notes, std::size_t line) {
  for (Annotation& note : notes) {
    note.line = line;
    all.push_back(std::move(note));
  }
}

Annotation note_on_gap(const AcpiDumpTable& table) {
  Annotation note = acpi_note(
      "acpi.dump_gap", Severity::Problem,
      N_("The bytes of the {signature} table do not go on here: lines are missing or changed. What "
         "follows is left out."),
      N_("Take the dump again, as a file and not by copying from a screen."),
      {{"signature", table.bytes.substr(0, 4)}, {"length", table.bytes.size()}});
  note.line = table.bad_line;
  return note;
}

// The first table that describes IOMMUs, else the first of all.
std::size_t main_table(const AcpiDump& dump) {
  for (std::size_t i = 0; i < dump.tables.size(); ++i) {
    if (is_iommu_signature(std::string_view(dump.tables[i].bytes).substr(0, 4))) return i;
  }
  return 0;
}

Annotation note_on_other_tables(const AcpiDump& dump) {
  const bool whole_machine = std::ranges::any_of(
      dump.tables, [](const AcpiDumpTable& table) { return table.name == "FACP"; });
  if (whole_machine) {
    return acpi_note("acpi.no_iommu_table", Severity::Warning,
                     N_("The dump has tables of a whole machine, but neither DMAR nor IVRS: the "
                        "firmware describes no IOMMU. A whole device cannot be handed to a VM; "
                        "GVT-g is not concerned."),
                     N_("Switch VT-d (Intel) or the IOMMU (AMD) on in the firmware's setup."), {});
  }
  return acpi_note("acpi.other_table", Severity::Note,
                   N_("Of tables other than DMAR and IVRS only the header is shown: they do not "
                      "concern IOMMUs."),
                   "", {});
}

void explain_dump(const AcpiDump& dump, Explanation& explanation) {
  Json list = Json::array();
  for (const AcpiDumpTable& table : dump.tables) {
    std::vector<Annotation> notes;
    list.push_back(explain_one(table.bytes, notes));
    append_at(explanation.annotations, std::move(notes), table.line);
    if (table.bad_line != 0) explanation.annotations.push_back(note_on_gap(table));
  }
  const std::size_t main = main_table(dump);
  explanation.decoded = (*list.as_array())[main];
  if (!is_iommu_signature(std::string_view(dump.tables[main].bytes).substr(0, 4))) {
    explanation.annotations.push_back(note_on_other_tables(dump));
  }
  if (dump.tables.size() > 1) explanation.decoded.set("tables", std::move(list));
}

Explanation explain_table(std::string_view bytes) {
  Explanation explanation;
  explanation.kind = kAcpiTableExplainer.kind;
  if (recognise_binary(bytes) != 0) {
    explanation.decoded = explain_one(bytes, explanation.annotations);
    if (!is_iommu_signature(bytes.substr(0, 4))) {
      explanation.annotations.push_back(note_on_other_tables({}));
    }
    return explanation;
  }
  const AcpiDump dump = parse_acpidump(bytes);
  if (!dump.tables.empty()) explain_dump(dump, explanation);
  return explanation;
}

}  // namespace

const Explainer kAcpiTableExplainer = {.kind = "acpi-table",
                                       .title = N_("an ACPI table"),
                                       .recognise = recognise_table,
                                       .explain = explain_table};

}  // namespace cleave
