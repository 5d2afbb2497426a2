// What a person should know about a DMAR or IVRS table, in the order of the table.
#pragma once

#include <vector>

#include "analysis/explain/explainer.h"
#include "facts/dmar.h"
#include "facts/ivrs.h"

namespace cleave {

// A note whose two sentences share their fields. `action` may be empty.
Annotation acpi_note(const char* id, Severity severity, const char* meaning, const char* action,
                     std::vector<Field> arguments);

std::vector<Annotation> notes_on(const DmarTable& table);
std::vector<Annotation> notes_on(const IvrsTable& table);

// What is damaged; "signature" and "offset" are among the arguments.
std::vector<Annotation> notes_on(const AcpiHeader& header, const AcpiProblems& problems);

}  // namespace cleave
