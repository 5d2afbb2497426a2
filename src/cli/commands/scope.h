// --way and --gpu, as several commands take them.
#pragma once

#include "base/result.h"
#include "cli/command.h"
#include "facts/facts.h"
#include "ways/way.h"

namespace cleave {

// Malformed, with what there is, if the machine has no such GPU or there is no such way.
Result<DiagnosisScope> read_scope(const Arguments& arguments, const Facts& facts);

}  // namespace cleave
