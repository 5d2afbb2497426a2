#include "support/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cleave::testing {
namespace {

std::filesystem::path tests_directory() { return CLEAVE_TESTS_DIRECTORY; }

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace

std::vector<std::string> file_stems(std::string_view directory, std::string_view ending) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(tests_directory() / directory)) {
    if (entry.path().extension() == ending) names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> machine_names() {
  std::vector<std::string> names = file_stems("machines", ".machine");
  // Those are parts that machines include.
  std::erase_if(names, [](const std::string& name) { return name.starts_with("with-"); });
  return names;
}

void expect_golden(std::string_view name, std::string_view actual) {
  const std::filesystem::path path = tests_directory() / "golden" / name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  ASSERT_TRUE(std::filesystem::exists(path))
      << path << " is missing; UPDATE_GOLDEN=1 writes it. Actual:\n"
      << actual;
  EXPECT_EQ(read_file(path), actual) << "differs from " << path << "; UPDATE_GOLDEN=1 rewrites it";
}

std::string read_test_file(std::string_view path) { return read_file(tests_directory() / path); }

std::string test_path(std::string_view path) { return tests_directory() / path; }

std::string corpus_directory() {
  const std::filesystem::path corpus =
      tests_directory().parent_path().parent_path() / "shared" / "corpus";
  return std::filesystem::is_directory(corpus) ? corpus.string() : std::string();
}

}  // namespace cleave::testing
