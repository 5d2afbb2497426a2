// JSON as a plain value: objects keep the order of their keys, so that output is stable.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace cleave {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  template <std::signed_integral Integer>
  Json(Integer value) {
    // Kept unsigned where possible, as the parser does, so that equal numbers compare equal.
    if (value < 0) {
      value_ = static_cast<std::int64_t>(value);
    } else {
      value_ = static_cast<std::uint64_t>(value);
    }
  }
  template <std::unsigned_integral Integer>
    requires(!std::same_as<Integer, bool>)
  Json(Integer value) : value_(static_cast<std::uint64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  static Json array(std::vector<Json> items = {}) { return {std::move(items)}; }
  static Json object(Object members = {}) { return {std::move(members)}; }

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(value_); }

  // Views of one kind; null if the value is of another kind.
  [[nodiscard]] const bool* as_bool() const { return std::get_if<bool>(&value_); }
  [[nodiscard]] const std::string* as_string() const { return std::get_if<std::string>(&value_); }
  [[nodiscard]] const Array* as_array() const { return std::get_if<Array>(&value_); }
  [[nodiscard]] const Object* as_object() const { return std::get_if<Object>(&value_); }
  [[nodiscard]] Array* as_array() { return std::get_if<Array>(&value_); }
  [[nodiscard]] Object* as_object() { return std::get_if<Object>(&value_); }
  // Any number; an integer beyond the type's range, or no number, gives an empty optional.
  [[nodiscard]] std::optional<std::int64_t> as_integer() const;
  [[nodiscard]] std::optional<std::uint64_t> as_unsigned() const;
  [[nodiscard]] std::optional<double> as_number() const;

  // The member of an object; null if there is none or this is no object.
  [[nodiscard]] const Json* find(std::string_view key) const;
  // The text of a member, or an empty view.
  [[nodiscard]] std::string_view text_of(std::string_view key) const;

  // Adds or replaces a member; makes a null value an object first.
  void set(std::string_view key, Json value);
  // Appends; makes a null value an array first.
  void push_back(Json value);

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array,
               Object>
      value_;
  friend struct JsonConversion;
};

// Strict JSON (RFC 8259). Refuses input of more than 64 MiB or nested deeper than 64 levels.
// The error is Malformed and tells line, column and what was expected.
Result<Json> parse_json(std::string_view text);

// `indent` 0 gives one line. Bytes that are no UTF-8 become U+FFFD.
std::string to_text(const Json& value, int indent = 0);

}  // namespace cleave
