#include "base/message.h"

#include <algorithm>

namespace cleave {

std::string fill_fields(std::string_view template_text, const std::vector<Field>& fields) {
  std::string filled;
  size_t position = 0;
  while (position < template_text.size()) {
    const size_t open = template_text.find('{', position);
    const size_t close = open == std::string_view::npos ? open : template_text.find('}', open);
    if (close == std::string_view::npos) break;
    filled += template_text.substr(position, open - position);
    const std::string_view name = template_text.substr(open + 1, close - open - 1);
    const auto field = std::ranges::find(fields, name, &Field::name);
    filled += field == fields.end() ? template_text.substr(open, close - open + 1)
                                    : std::string_view(field->value);
    position = close + 1;
  }
  filled += template_text.substr(position);
  return filled;
}

std::string english(const Message& message) { return fill_fields(message.text, message.fields); }

}  // namespace cleave
