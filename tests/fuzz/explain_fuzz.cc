// Any bytes through every explainer: the notes point at lines that are there, have all values of
// their fields, and carry nothing that could disturb a terminal.
#include <algorithm>

#include "analysis/explain/explainer.h"
#include "base/text.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view bytes = cleave::fuzz::text_of(data, size);
  const std::size_t lines =
      static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n')) + 1;
  (void)cleave::recognise(bytes);
  for (const cleave::Explainer* explainer : cleave::all_explainers()) {
    require(explainer->recognise(bytes) <= 100);
    const cleave::Explanation explanation = explainer->explain(bytes);
    for (const cleave::Annotation& note : explanation.annotations) {
      require(note.line <= lines && !note.id.empty() && !note.meaning.empty());
      for (const cleave::Field& field : note.arguments) {
        require(cleave::printable(field.value) == field.value);
      }
    }
    require(cleave::parse_json(cleave::to_text(explanation.decoded)).has_value());
  }
  return 0;
}
