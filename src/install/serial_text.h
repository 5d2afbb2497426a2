// What a guest prints on its serial port while it is installed. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cleave {

// The last line that a person could read, without colours and movements of the cursor; may be
// empty. The guest decides about it: it is neither clean nor short.
std::string last_readable_line(std::string_view text);

// What cloud-init logged as a warning or worse, each once and at most 8: a step of the installation
// that failed, such as a package that could not be had. As the guest wrote it.
std::vector<std::string> cloud_init_complaints(std::string_view text);

}  // namespace cleave
