// A sentence for people as data: an English template with named fields, which is also the key of
// its translation, and the values of the fields. Pure code makes messages; only cli/render turns
// them into text of one language.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

// Marks a template for xgettext without translating it where it stands.
#define N_(text) (text)

namespace cleave {

struct Field {
  Field(std::string_view field_name, std::string_view field_value)
      : name(field_name), value(field_value) {}
  template <std::integral Integer>
  Field(std::string_view field_name, Integer field_value)
      : name(field_name), value(std::to_string(field_value)) {}

  std::string name;
  std::string value;

  bool operator==(const Field&) const = default;
};

struct Message {
  Message() = default;
  // `template_text` is a literal marked with N_(); fields stand in it as {name}.
  Message(const char* template_text, std::vector<Field> field_values = {})
      : text(template_text), fields(std::move(field_values)) {}

  std::string text;
  std::vector<Field> fields;

  [[nodiscard]] bool empty() const { return text.empty(); }
  bool operator==(const Message&) const = default;
};

// Puts the values in the places of their fields. A {name} without a value stays as it is, so that
// a mistake in a translation is seen and never hides a sentence.
std::string fill_fields(std::string_view template_text, const std::vector<Field>& fields);

// The English text, for logs and tests.
std::string english(const Message& message);

}  // namespace cleave
