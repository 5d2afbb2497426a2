// Notes on the arguments of a kernel's command line, wherever one stands: in a log, in GRUB's
// file, alone.
#pragma once

#include <string_view>
#include <vector>

#include "analysis/explain/explainer.h"
#include "facts/kernel.h"

namespace cleave {

// True if there is a note for the argument.
bool matters(const KernelArgument& argument);

// Appends the notes for every argument that matters. `line`: where the command line stands. Each
// note has the fields `argument` and `value`.
void annotate_arguments(std::string_view command_line, std::size_t line,
                        std::vector<Annotation>& annotations);

}  // namespace cleave
