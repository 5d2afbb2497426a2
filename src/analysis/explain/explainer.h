// Notes in the margin of a file that people paste into bug reports: what a line means on their
// machine, whether it is harmless, what to do. One explainer per kind of file, listed in all.cc.
// Pure: bytes in, notes out. The bytes are anybody's: any size, any content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/message.h"

namespace cleave {

enum class Severity : std::uint8_t {
  Good,      // it works, this shows it
  Harmless,  // looks bad, is not
  Note,      // worth knowing
  Warning,   // may hurt, or hurts something else
  Problem,   // this is what stops it
};
const char* severity_name(Severity severity);  // "good", "harmless", …

struct Annotation {
  std::size_t line = 0;  // from 1; of a binary table 0, its place is in `arguments`
  std::string id;        // API, as a rule's: "log.dmar_graphics_excluded"
  Severity severity = Severity::Note;
  Message meaning;               // what it means here
  Message action;                // what to do; empty: nothing
  std::vector<Field> arguments;  // values for the fields of both, and more for JSON
};

struct Explanation {
  std::string kind;  // the explainer's
  std::vector<Annotation> annotations;
  Json decoded;  // what the file says, as data; null if the kind has no such view
};

struct Explainer {
  const char* kind;   // API: "kernel-log", "acpi-table", "kernel-config", "grub", …
  const char* title;  // N_: "a kernel log"
  // How surely the bytes are of this kind: 0 not at all, 100 without doubt.
  unsigned (*recognise)(std::string_view bytes);
  Explanation (*explain)(std::string_view bytes);
};

const std::vector<const Explainer*>& all_explainers();
// The surest one; null if none recognises it.
const Explainer* recognise(std::string_view bytes);

}  // namespace cleave
