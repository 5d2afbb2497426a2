// TOML as a plain tree with the place of every value: what a definition is read from. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cleave {

// Where something stands in the file; both start at 1, 0 means it was not written.
// Columns count characters, not bytes.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  auto operator<=>(const Position&) const = default;
};

enum class TomlType : std::uint8_t { Table, Array, String, Integer, Boolean, Other };

struct TomlKey;

struct TomlNode {
  TomlType type = TomlType::Other;
  // As TOML calls it, for messages: "string", "integer", "float", "date-time".
  const char* type_name = "none";
  Position position;
  std::string text;             // of a string
  std::int64_t number = 0;      // of an integer
  bool truth = false;           // of a boolean
  std::vector<TomlNode> items;  // of an array
  std::vector<TomlKey> keys;    // of a table, by name

  // Of a table; null if it has no such key.
  [[nodiscard]] const TomlNode* find(std::string_view key) const;
};

struct TomlKey {
  std::string name;
  Position position;
  TomlNode value;
};

// As TOML's basic string (toml.io, v1.0.0, "String"), with the quotes.
std::string toml_string(std::string_view text);

// The root table of `text`. Malformed with line and column if it is no TOML; Unsupported if it is
// larger than 1 MiB. `file` is for messages.
Result<TomlNode> parse_toml(std::string_view text, const std::string& file);

}  // namespace cleave
