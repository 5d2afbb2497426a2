// ACPI tables as JSON: the fields by their names in the specifications, in snake_case.
#pragma once

#include "base/json.h"
#include "facts/dmar.h"
#include "facts/ivrs.h"

namespace cleave {

// {"signature","length","revision",…,"checksum_ok", the table's own fields, "structures":[…],
// "problems":[{"id","offset","length","available"}]}. Bytes that have no field are text in
// hexadecimal: "raw".
Json to_json(const DmarTable& table);
Json to_json(const IvrsTable& table);
// Of a table of another kind: the header alone.
Json to_json(const AcpiHeader& header, bool checksum_ok);

}  // namespace cleave
