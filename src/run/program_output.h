// Runs a small program to its end and keeps what it prints.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "run/process.h"

namespace cleave {

struct ProgramOutput {
  ProcessEnd end;
  std::string text;  // of its standard output and error, at most 64 KiB
};

// `spec` without descriptors 1 and 2. After `limit` the program is killed: ETIMEDOUT.
Result<ProgramOutput> output_of(ProcessSpec spec, std::chrono::milliseconds limit);

}  // namespace cleave
