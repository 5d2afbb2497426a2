// What a guest prints on its serial port while it is installed. Pure.
#pragma once

#include <string>
#include <string_view>

namespace cleave {

// The last line that a person could read, without colours and movements of the cursor; may be
// empty. The guest decides about it: it is neither clean nor short.
std::string last_readable_line(std::string_view text);

}  // namespace cleave
