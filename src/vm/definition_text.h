// A checked VM as the text of a definition that means the same: what an import writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vm/vm.h"

namespace cleave {

enum class WrittenKeys : std::uint8_t {
  Needed,  // those that say what the VM is, and those whose value is not the default
  All,     // every key that has a value: two VMs are the same if these texts are
};

// TOML that read_definition() reads as this very VM.
std::string definition_text(const Vm& vm, WrittenKeys keys = WrittenKeys::Needed);

// The keys of these tables alone ("" for those without a table), as `keys` has them.
std::string definition_tables_text(const Vm& vm, WrittenKeys keys,
                                   const std::vector<std::string_view>& tables);

}  // namespace cleave
