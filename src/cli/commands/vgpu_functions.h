// `cleave vgpu` on devices whose vGPUs are virtual functions (SR-IOV). Each answers the command, or
// says nothing where it is about a mediated device.
#pragma once

#include <optional>

#include "cli/commands/vgpu_common.h"

namespace cleave {

using FunctionsAnswer = std::optional<Result<ExitStatus>>;

FunctionsAnswer create_functions(const CommandContext& context, ChangeableHost& change);
FunctionsAnswer define_functions(const CommandContext& context, ChangeableHost& change);
// The device that is named in place of a UUID.
FunctionsAnswer undefine_functions(const CommandContext& context, ChangeableHost& change);
FunctionsAnswer take_functions_away(const CommandContext& context, ChangeableHost& change,
                                    bool only_defined);
FunctionsAnswer start_functions(const CommandContext& context, ChangeableHost& change);

// Of --parent or --all: those that are made at every start, before any mediated device. False: one
// was refused, which was told.
Result<bool> start_all_functions(const CommandContext& context, ChangeableHost& change, Json& json);

}  // namespace cleave
