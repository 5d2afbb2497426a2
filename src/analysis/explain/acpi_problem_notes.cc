// Damage in a table, in words.
#include <array>

#include "analysis/explain/acpi_table_notes.h"
#include "base/format.h"

namespace cleave {
namespace {

struct ProblemRow {
  AcpiProblemKind kind;
  const char* id;
  Severity severity;
  const char* meaning;  // with {signature}, {offset}, {length}, {available}
  const char* action;
};

constexpr const char* kReadAgain =
    N_("Read it again, as root: sudo cat /sys/firmware/acpi/tables/{signature} > {signature}.bin");
constexpr const char* kFirmware =
    N_("If the file is a true copy, the firmware is at fault: look for an update of it.");

constexpr std::array<ProblemRow, 15> kProblems = {{
    {AcpiProblemKind::ChecksumWrong, "acpi.checksum_wrong", Severity::Warning,
     N_("The bytes of the {signature} table add up to {length} and not to 0: some of them are not "
        "what they were when the table was made. Linux warns of this and uses the table all the "
        "same."),
     kFirmware},
    {AcpiProblemKind::TableTruncated, "acpi.table_truncated", Severity::Problem,
     N_("The {signature} table says that it has {length} bytes, but only {available} are here. "
        "What comes after them is not known."),
     kReadAgain},
    {AcpiProblemKind::BytesAfterTable, "acpi.bytes_after_table", Severity::Note,
     N_("{length} bytes follow the end of the {signature} table at offset {offset}. They are no "
        "part of it."),
     ""},
    {AcpiProblemKind::LengthTooSmall, "acpi.length_too_small", Severity::Problem,
     N_("What begins at offset {offset} says that it has {length} bytes, which is less than its "
        "own beginning takes. The {available} bytes from there on cannot be told apart."),
     kFirmware},
    {AcpiProblemKind::StructureTooShort, "acpi.structure_too_short", Severity::Problem,
     N_("The structure at offset {offset} has {length} bytes; its fields alone take {available}."),
     kFirmware},
    {AcpiProblemKind::StructureOverruns, "acpi.structure_overruns", Severity::Problem,
     N_("The structure at offset {offset} says that it has {length} bytes, but the table ends "
        "after {available} of them."),
     kFirmware},
    {AcpiProblemKind::ScopeTooShort, "acpi.scope_too_short", Severity::Problem,
     N_("The device scope at offset {offset} has {length} bytes and names no device."), kFirmware},
    {AcpiProblemKind::ScopeOverruns, "acpi.scope_overruns", Severity::Problem,
     N_("The entry at offset {offset} says that it has {length} bytes, but its structure ends "
        "after {available} of them."),
     kFirmware},
    {AcpiProblemKind::ScopePathOdd, "acpi.scope_path_odd", Severity::Warning,
     N_("The path of the device scope at offset {offset} ends in the middle of a step."),
     kFirmware},
    {AcpiProblemKind::NameUnterminated, "acpi.name_unterminated", Severity::Warning,
     N_("The name at offset {offset} has no end within its structure."), kFirmware},
    {AcpiProblemKind::BytesLeft, "acpi.bytes_left", Severity::Note,
     N_("{length} bytes at offset {offset} belong to no field of their structure."), ""},
    {AcpiProblemKind::UnknownStructure, "acpi.unknown_structure", Severity::Note,
     N_("The structure at offset {offset} is of a type that the specification does not name; its "
        "{length} bytes are kept as they are."),
     ""},
    {AcpiProblemKind::UnknownEntry, "acpi.unknown_entry", Severity::Note,
     N_("The device entry at offset {offset} is of a type that the specification does not name; "
        "its {length} bytes are kept as they are."),
     ""},
    {AcpiProblemKind::RangeReversed, "acpi.range_reversed", Severity::Problem,
     N_("The memory range of the structure at offset {offset} ends before it begins."), kFirmware},
    {AcpiProblemKind::RangesOverlap, "acpi.ranges_overlap", Severity::Warning,
     N_("The memory range of the structure at offset {offset} begins inside that of another."),
     kFirmware},
}};

}  // namespace

std::vector<Annotation> notes_on(const AcpiHeader& header, const AcpiProblems& problems) {
  std::vector<Annotation> notes;
  for (const AcpiProblem& problem : problems.list) {
    for (const ProblemRow& row : kProblems) {
      if (row.kind != problem.kind) continue;
      notes.push_back(acpi_note(row.id, row.severity, row.meaning, row.action,
                                {{"signature", header.signature},
                                 {"offset", format("0x{:x}", problem.offset)},
                                 {"length", problem.length},
                                 {"available", problem.available}}));
    }
  }
  if (problems.left_out > 0) {
    notes.push_back(acpi_note("acpi.more_problems", Severity::Problem,
                              N_("The {signature} table has {count} more faults like these."), "",
                              {{"signature", header.signature}, {"count", problems.left_out}}));
  }
  return notes;
}

}  // namespace cleave
