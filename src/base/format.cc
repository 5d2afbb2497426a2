// fmt's own code is compiled here, once: its shared library would keep libstdc++ shared, too, and
// both cost time at every start of cleave.
#include "base/format.h"

#include <fmt/format.h>

namespace cleave {

std::string format_arguments(fmt::string_view pattern, fmt::format_args arguments) {
  return fmt::vformat(pattern, arguments);
}

}  // namespace cleave
