// All keys that a VM definition can have: one row each, from which the parser knows them, the
// checks take their choices, and the reference and the schema for editors are made. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace cleave {

enum class KeyType : std::uint8_t { Text, Integer, Boolean, TextList };
const char* key_type_name(KeyType type);  // "text", "integer", "boolean", "list"

struct DefinitionKey {
  const char* table;  // of definition_tables(); "" for keys above the first table
  const char* name;
  KeyType type;
  std::vector<const char*> choices;  // empty: any text
  const char* fallback;              // for the reference: as it would be written, or in words
  const char* about;                 // N_
};

struct DefinitionTable {
  const char* name;
  bool many;          // [[name]], one for each thing
  const char* about;  // N_
};

const std::vector<DefinitionTable>& definition_tables();
const std::vector<DefinitionKey>& definition_keys();  // in the order of the reference

// By its full name, "disk.cache" or "memory"; null if there is none.
const DefinitionKey* find_definition_key(std::string_view full_name);
// Names of all keys and tables that can stand in that table ("" for the file itself).
std::vector<std::string> names_in_table(std::string_view table);

// A sentence marked with N_() in the language of who reads it.
using Translator = std::function<std::string(const char* sentence)>;
// The schema for editors that check and complete TOML: JSON Schema, draft 2020-12.
Json definition_schema(const Translator& translate);
// The tables of docs/reference/vm-definition.md, in Markdown and English.
std::string definition_reference();

}  // namespace cleave
