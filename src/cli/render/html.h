// Writes HTML (and SVG inside it) whose elements always nest, and whose text can never become
// markup: everything that a machine says passes escape_html().
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cleave {

// Text for content and for attribute values in double quotes. Control characters, bytes that are
// no UTF-8 and marks that turn the direction of writing become U+FFFD.
std::string escape_html(std::string_view text);

// Name and value; the value is escaped when it is written.
using HtmlAttributes = std::vector<std::pair<const char*, std::string>>;

class HtmlWriter {
 public:
  // An element that is open; its end closes it.
  class [[nodiscard]] Scope {
   public:
    Scope(HtmlWriter& writer, const char* tag) : writer_(writer), tag_(tag) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope();

   private:
    HtmlWriter& writer_;
    const char* tag_;
  };

  Scope in(const char* tag, const HtmlAttributes& attributes = {});
  // An element that holds only text.
  void element(const char* tag, std::string_view text, const HtmlAttributes& attributes = {});
  // An element without content: <meta>, or a shape of SVG.
  void empty(const char* tag, const HtmlAttributes& attributes);
  void text(std::string_view text);
  // Our own constants (the doctype, a style sheet), never what a machine says.
  void constant(std::string_view markup);

  // All that was written; no Scope may be open.
  std::string take() { return std::move(out_); }

 private:
  void start(const char* tag, const HtmlAttributes& attributes);

  std::string out_;
};

}  // namespace cleave
