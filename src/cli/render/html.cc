#include "cli/render/html.h"

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows (UAX #9, section 2):
// a device's name with one could show an address or a command backwards.
bool turns_direction(std::string_view text) {
  if (text.size() < 3 || text[0] != '\xE2') return false;
  const auto last = static_cast<unsigned char>(text[2]);
  return (text[1] == '\x80' && last >= 0xAA && last <= 0xAE) ||
         (text[1] == '\x81' && last >= 0xA6 && last <= 0xA9);
}

std::string_view entity_of(char letter) {
  switch (letter) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string escape_html(std::string_view text) {
  const std::string clean = printable(text);
  std::string escaped;
  escaped.reserve(clean.size());
  for (std::size_t i = 0; i < clean.size(); ++i) {
    if (turns_direction(std::string_view(clean).substr(i))) {
      escaped += kReplacement;
      i += 2;
      continue;
    }
    const std::string_view entity = entity_of(clean[i]);
    if (entity.empty()) {
      escaped += clean[i];
    } else {
      escaped += entity;
    }
  }
  return escaped;
}

HtmlWriter::Scope::~Scope() { writer_.out_.append("</").append(tag_).append(">\n"); }

void HtmlWriter::start(const char* tag, const HtmlAttributes& attributes) {
  out_.append("<").append(tag);
  for (const auto& [name, value] : attributes) {
    out_.append(" ").append(name).append("=\"").append(escape_html(value)).append("\"");
  }
}

HtmlWriter::Scope HtmlWriter::in(const char* tag, const HtmlAttributes& attributes) {
  start(tag, attributes);
  out_ += ">";
  return {*this, tag};
}

void HtmlWriter::element(const char* tag, std::string_view text, const HtmlAttributes& attributes) {
  start(tag, attributes);
  out_.append(">").append(escape_html(text)).append("</").append(tag).append(">");
}

void HtmlWriter::empty(const char* tag, const HtmlAttributes& attributes) {
  start(tag, attributes);
  out_ += "/>";
}

void HtmlWriter::text(std::string_view text) { out_ += escape_html(text); }

void HtmlWriter::constant(std::string_view markup) { out_ += markup; }

}  // namespace cleave
