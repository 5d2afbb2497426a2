// A command line of cleave, run inside of the test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/run.h"

namespace cleave {

struct Ran {
  int status = 0;
  std::string output;
  std::string errors;
};

inline Ran run_words(std::vector<std::string> words) {
  words.insert(words.begin(), {"--lang", "en"});
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.status = run_cleave(words);
  ran.output = testing::internal::GetCapturedStdout();
  ran.errors = testing::internal::GetCapturedStderr();
  return ran;
}

}  // namespace cleave
