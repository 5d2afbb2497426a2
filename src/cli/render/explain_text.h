// Notes on a file for people: its lines with the notes in the margin, or as JSON (schema
// cleave.explain/1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/explain/explainer.h"

namespace cleave {

struct ExplainedFile {
  std::string path;  // as the person gave it; "-" for standard input
  std::string bytes;
  const Explainer* explainer = nullptr;  // null: no explainer knows the bytes
  Explanation explanation;
};

struct ExplainStyle {
  std::size_t width = 80;  // columns
  bool colour = false;
  bool all_lines = false;  // those too that have no note, however many there are
};

// Recognises and explains.
ExplainedFile explain_file(std::string path, std::string bytes);

std::string explain_text(const ExplainedFile& file, const ExplainStyle& style);
Json explain_json(const std::vector<ExplainedFile>& files);

}  // namespace cleave
