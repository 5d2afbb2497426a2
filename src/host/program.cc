#include "host/program.h"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace cleave {

Result<std::string> own_program() {
  std::array<char, 4096> path{};  // PATH_MAX
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) {
    return system_error(errno, {N_("Could not find cleave's own program file")}, "/proc/self/exe");
  }
  return std::string(path.data(), static_cast<std::size_t>(length));
}

}  // namespace cleave
