// XML as a plain tree with the line of every element. Bounded: at most 1 MiB and 64 levels.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cleave {

struct XmlElement {
  std::string name;
  std::size_t line = 0;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string text;  // of this element itself, without blanks around it
  std::vector<XmlElement> children;

  // An empty text if there is no such attribute.
  [[nodiscard]] const std::string& attribute(std::string_view key) const;
  // The first child of that name; an element without anything if there is none.
  [[nodiscard]] const XmlElement& child(std::string_view child_name) const;
  [[nodiscard]] bool has(std::string_view child_name) const { return child(child_name).line != 0; }
  [[nodiscard]] std::vector<const XmlElement*> all(std::string_view child_name) const;
};

// Empty for text that is no XML, too large or too deep.
std::optional<XmlElement> parse_xml(std::string_view text);

}  // namespace cleave
