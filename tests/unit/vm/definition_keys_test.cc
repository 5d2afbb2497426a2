#include "vm/definition_keys.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "support/golden.h"
#include "vm/definition.h"

namespace cleave {
namespace {

constexpr const char* kReference = "../docs/reference/vm-definition.md";
constexpr const char* kBegin = "<!-- keys: made from src/vm/definition_keys.cc -->\n";
constexpr const char* kEnd = "<!-- end of keys -->\n";

std::string full_name(const DefinitionKey& key) {
  return std::string(key.table) + (*key.table == '\0' ? "" : ".") + key.name;
}

std::string example_value(const DefinitionKey& key) {
  switch (key.type) {
    case KeyType::Text:
      return "\"x\"";
    case KeyType::Integer:
      return "1";
    case KeyType::Boolean:
      return "true";
    case KeyType::TextList:
      return "[\"x\"]";
  }
  return "";
}

TEST(DefinitionKeys, AreAllReadWithTheirType) {
  for (const DefinitionKey& key : definition_keys()) {
    std::string head;
    for (const DefinitionTable& table : definition_tables()) {
      if (std::string_view(table.name) != key.table) continue;
      head = table.many ? "[[" + std::string(key.table) + "]]\n"
                        : "[" + std::string(key.table) + "]\n";
    }
    EXPECT_EQ(head.empty(), *key.table == '\0') << full_name(key);
    const auto good = parse_definition(head + key.name + " = " + example_value(key), "a.toml");
    ASSERT_TRUE(good);
    EXPECT_TRUE(good->problems.empty()) << full_name(key);
    // Whoever reads it tells of a wrong type; nobody would of a key that is not read.
    const auto wrong = parse_definition(head + key.name + " = 1.5", "a.toml");
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->problems.size(), 1U) << full_name(key);
  }
}

TEST(DefinitionKeys, StandOnce) {
  std::set<std::string> names;
  for (const DefinitionKey& key : definition_keys()) {
    EXPECT_TRUE(names.insert(full_name(key)).second) << full_name(key);
    EXPECT_EQ(find_definition_key(full_name(key)), &key);
  }
}

TEST(DefinitionKeys, MakeASchema) {
  const Json schema = definition_schema([](const char* text) { return std::string(text); });
  const Json* disk = schema.find("properties")->find("disk");
  ASSERT_NE(disk, nullptr);
  EXPECT_EQ(disk->text_of("type"), "array");
  const Json* cache = disk->find("items")->find("properties")->find("cache");
  ASSERT_NE(cache, nullptr);
  EXPECT_EQ(cache->find("enum")->as_array()->size(), 5U);
}

// UPDATE_GOLDEN=1 writes it into the page.
TEST(DefinitionKeys, MakeTheReference) {
  std::string page = testing::read_test_file(kReference);
  const std::size_t begin = page.find(kBegin) + std::string_view(kBegin).size();
  const std::size_t end = page.find(kEnd);
  ASSERT_NE(end, std::string::npos);
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    page.replace(begin, end - begin, definition_reference());
    std::ofstream(testing::test_path(kReference)) << page;
    return;
  }
  EXPECT_EQ(page.substr(begin, end - begin), definition_reference())
      << "UPDATE_GOLDEN=1 vm_tests writes " << kReference;
}

}  // namespace
}  // namespace cleave
