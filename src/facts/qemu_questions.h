// How a QEMU is asked what it can do, and in what order. Pure: who asks brings the means, so that
// tests give the recorded replies of real programs.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "facts/qemu.h"

namespace cleave {

struct QemuMeans {
  // A command of QMP. NotFound: there is no such device.
  std::function<Result<Json>(const std::string& command, Json arguments)> monitor;
  // What QEMU prints on its standard output with these arguments, before it ends.
  std::function<Result<std::string>(const std::vector<std::string>& arguments)> help;
};

Result<QemuAbilities> ask_abilities(const QemuMeans& means);

// “-help” of QEMU before 5.0, which has no “-display help”: the names behind “-display”.
std::vector<std::string> displays_in_long_help(std::string_view text);
// “-audio-help” of QEMU before 7.2, which has no “-audiodev help”: an example for each driver.
std::vector<std::string> audio_drivers_in_examples(std::string_view text);

}  // namespace cleave
