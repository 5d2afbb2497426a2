// The rules and the ways as pages in Markdown: the generated part of the reference manual.
#pragma once

#include <string>
#include <vector>

namespace cleave {

struct ReferencePage {
  std::string path;  // from the manual's top: "rules/gvt_g.aperture.md"
  std::string text;
};

// README.md with all rules by family, ways.md with the ways and their modes, and one page for each
// rule; their links lead from one to another. In the language chosen with choose_language().
std::vector<ReferencePage> rules_reference();

}  // namespace cleave
