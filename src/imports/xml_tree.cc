#include "imports/xml_tree.h"

#include <algorithm>
#include <pugixml.hpp>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLargest = std::size_t{1} << 20U;
constexpr int kDeepest = 64;  // a domain has some ten levels

// Lines of places that only grow: the text is gone through once.
class LineCounter {
 public:
  explicit LineCounter(std::string_view text) : text_(text) {}
  std::size_t line_of(std::ptrdiff_t place) {
    const auto end =
        std::min(text_.size(), static_cast<std::size_t>(std::max<std::ptrdiff_t>(place, 0)));
    for (; at_ < end; ++at_) line_ += text_[at_] == '\n' ? 1U : 0U;
    return line_;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

bool copy(const pugi::xml_node& node, XmlElement& element, LineCounter& lines, int depth) {
  if (depth > kDeepest) return false;
  element.name = node.name();
  element.line = lines.line_of(node.offset_debug());
  element.text = trim(node.text().get());
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    element.attributes.emplace_back(attribute.name(), attribute.value());
  }
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    if (!copy(child, element.children.emplace_back(), lines, depth + 1)) return false;
  }
  return true;
}

}  // namespace

const std::string& XmlElement::attribute(std::string_view key) const {
  static const std::string kNone;
  const auto found = std::ranges::find_if(
      attributes, [key](const auto& attribute) { return attribute.first == key; });
  return found == attributes.end() ? kNone : found->second;
}

const XmlElement& XmlElement::child(std::string_view child_name) const {
  static const XmlElement kNone;
  const auto found = std::ranges::find(children, child_name, &XmlElement::name);
  return found == children.end() ? kNone : *found;
}

std::vector<const XmlElement*> XmlElement::all(std::string_view child_name) const {
  std::vector<const XmlElement*> found;
  for (const XmlElement& element : children) {
    if (element.name == child_name) found.push_back(&element);
  }
  return found;
}

std::optional<XmlElement> parse_xml(std::string_view text) {
  if (text.size() > kLargest) return std::nullopt;
  pugi::xml_document document;
  if (!document.load_buffer(text.data(), text.size())) return std::nullopt;
  LineCounter lines(text);
  XmlElement root;
  if (!document.document_element() || !copy(document.document_element(), root, lines, 0)) {
    return std::nullopt;
  }
  return root;
}

}  // namespace cleave
