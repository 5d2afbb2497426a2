// How this system was booted, and which files say with which arguments it boots next time.
#pragma once

#include <string>

#include "facts/fact.h"

namespace cleave {

struct BootFacts {
  Fact<std::string> loader;  // EFI variable LoaderInfo: "systemd-boot 255.4", "GRUB 2.12"
};

}  // namespace cleave
