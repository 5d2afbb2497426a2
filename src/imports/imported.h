// A VM of another program as a definition. Pure, and for text that nobody vouches for: what is read
// is bounded, and what cannot be carried over is told and never guessed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/message.h"
#include "base/result.h"
#include "vm/vm.h"

namespace cleave {

struct LostPart {
  std::size_t line = 0;  // of the text; 0: of no single line
  Message message;
};

struct ImportedVm {
  Vm vm;             // checked
  std::string text;  // its definition
  std::vector<LostPart> not_carried;
};

enum class ImportFormat : std::uint8_t { Libvirt, Qemu };
// By what the text looks like; empty if it is neither.
std::optional<ImportFormat> import_format_of(std::string_view text);
std::optional<ImportFormat> import_format_named(std::string_view name);  // "libvirt", "qemu"

// `name`: of the new VM; empty: the text's own, else `fallback_name`. Malformed if the text is not
// of that format, or what it describes can be no VM of cleave's.
Result<ImportedVm> import_vm(ImportFormat format, std::string_view text, std::string_view name,
                             std::string_view fallback_name);

}  // namespace cleave
