// The captured machines of tests/machines/.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "host/memory_host.h"
#include "support/golden.h"

namespace cleave::testing {

// tests/machines/NAME.machine. Fails the running test and gives an empty machine if it is missing
// or malformed.
inline MemoryHost load_machine(std::string_view name) {
  const std::string path = "machines/" + std::string(name) + ".machine";
  const std::string text = read_test_file(path);
  EXPECT_FALSE(text.empty()) << path << " is missing or empty";
  auto machine = parse_machine(text, [](const std::string& included) -> Result<std::string> {
    return read_test_file("machines/" + included);
  });
  EXPECT_TRUE(machine.has_value()) << path << ": " << english(machine.error());
  return machine ? std::move(*machine) : MemoryHost();
}

}  // namespace cleave::testing
