// The definitions of tests/golden/vm/, shared by the tests of the command line and of real starts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vm/command_line.h"

namespace cleave::testing {

// The names of all of them, by name.
std::vector<std::string> example_names();

// The checked VM of tests/golden/vm/NAME.toml; empty, with the test failed, if it has problems.
std::optional<Vm> example(const std::string& name, std::string_view directory);

// All problems as "LINE:COLUMN sentence", one a line.
std::string problems_text(const std::vector<DefinitionProblem>& problems);

// What a way would hand over for `vm`.
StartResources example_resources(const Vm& vm, std::string runtime_directory);

}  // namespace cleave::testing
