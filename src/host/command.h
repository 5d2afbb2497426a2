// Commands on the running machine, for FileHost alone.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/host.h"

namespace cleave {

// As HostWriter::run_command says.
Result<CommandOutput> run_on_this_machine(const std::vector<std::string>& argv,
                                          std::chrono::milliseconds limit);

Error could_not_run(const std::vector<std::string>& argv, int error_number);

}  // namespace cleave
