// XML as text, element by element, two blanks for each level.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cleave {

using XmlAttributes = std::vector<std::pair<const char*, std::string>>;

class XmlText {
 public:
  void open(const char* name, const XmlAttributes& attributes = {});
  void close();
  void element(const char* name, const XmlAttributes& attributes = {},
               std::string_view content = {});
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void start(const char* name, const XmlAttributes& attributes);

  std::vector<const char*> open_;
  std::string text_;
};

}  // namespace cleave
