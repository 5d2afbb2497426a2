// Compares text with a golden file below tests/golden/. UPDATE_GOLDEN=1 rewrites the files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cleave::testing {

// Fails the running test with a short difference if `actual` is not what the file holds.
void expect_golden(std::string_view name, std::string_view actual);

// A file of the source tree, by its path below tests/.
std::string read_test_file(std::string_view path);
std::string test_path(std::string_view path);

// The names of the files with that ending (".toml") in a directory below tests/, without it,
// sorted.
std::vector<std::string> file_stems(std::string_view directory, std::string_view ending);

// The names of all files of machines/, without their ending, sorted.
std::vector<std::string> machine_names();

// ../shared/corpus beside the repository; empty where it is missing (then a test says
// "skipped: no corpus").
std::string corpus_directory();

}  // namespace cleave::testing
