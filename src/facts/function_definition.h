// The virtual functions that a device is to have: /etc/cleave/functions/ADDRESS.json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "facts/pci.h"

namespace cleave {

inline constexpr const char* kFunctionDefinitions = "/etc/cleave/functions";

struct FunctionDefinition {
  PciAddress device;  // the physical function
  std::uint32_t count = 0;
  bool starts_by_itself = false;
  // Set before the functions are made: attributes below the device's directory and their values,
  // in order ("sriov_admin/vf1/profile/exec_quantum_ms", "20").
  std::vector<std::pair<std::string, std::string>> attributes;

  bool operator==(const FunctionDefinition&) const = default;
};

// A path below the device's directory that leads to nothing outside of it, and names none of the
// files by which functions are made or drivers are bound.
bool is_function_attribute(std::string_view name);

std::string path_of(const FunctionDefinition& definition);

// `name` is the file's. Malformed, with the reason.
Result<FunctionDefinition> parse_function_definition(std::string_view name, std::string_view text);
std::string to_file_text(const FunctionDefinition& definition);

}  // namespace cleave
