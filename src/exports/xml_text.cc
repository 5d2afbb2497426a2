#include "exports/xml_text.h"

#include "base/text.h"

namespace cleave {
namespace {

std::string escaped(std::string_view text) {
  std::string safe = replace_all(printable(text), "&", "&amp;");
  safe = replace_all(std::move(safe), "<", "&lt;");
  safe = replace_all(std::move(safe), ">", "&gt;");
  return replace_all(std::move(safe), "'", "&apos;");
}

}  // namespace

void XmlText::start(const char* name, const XmlAttributes& attributes) {
  text_.append(2 * open_.size(), ' ');
  text_ += "<";
  text_ += name;
  for (const auto& [key, value] : attributes) {
    text_ += std::string(" ") + key + "='" + escaped(value) + "'";
  }
}

void XmlText::open(const char* name, const XmlAttributes& attributes) {
  start(name, attributes);
  text_ += ">\n";
  open_.push_back(name);
}

void XmlText::close() {
  const char* name = open_.back();
  open_.pop_back();
  text_.append(2 * open_.size(), ' ');
  text_ += std::string("</") + name + ">\n";
}

void XmlText::element(const char* name, const XmlAttributes& attributes, std::string_view content) {
  start(name, attributes);
  text_ += content.empty() ? "/>\n" : ">" + escaped(content) + "</" + name + ">\n";
}

}  // namespace cleave
