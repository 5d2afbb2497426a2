// `cleave vgpu` on devices whose vGPUs are virtual functions (SR-IOV). Each answers the command, or
// says nothing where it is about a mediated device.
#pragma once

#include <optional>

#include "cli/commands/vgpu_common.h"

namespace cleave {

// Of create and define.
inline constexpr OptionSpec kFunctionsOption = {
    "--functions", "N",
    N_("Of a device with SR-IOV (--parent ADDRESS): that many virtual functions")};
inline constexpr OptionSpec kFunctionAttributeOption = {
    "--attribute", "NAME=VALUE",
    N_("What its driver is told of them before they are made, below the device's directory"), true};

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
