#include "run/memory_kills.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/fd.h"
#include "base/text.h"

namespace cleave {

std::optional<std::uint64_t> memory_kills() {
  const OwnedFd file(::open("/proc/vmstat", O_RDONLY | O_CLOEXEC));
  std::array<char, 32768> text{};  // about 200 lines of at most 40 bytes
  const ssize_t length = file.get() < 0 ? -1 : ::read(file.get(), text.data(), text.size());
  if (length <= 0) return std::nullopt;
  return memory_kills_in({text.data(), static_cast<std::size_t>(length)});
}

std::optional<std::uint64_t> memory_kills_in(std::string_view vmstat) {
  for (const std::string_view line : lines(vmstat)) {
    const auto parts = words(line);
    if (parts.size() == 2 && parts[0] == "oom_kill") return parse_unsigned<std::uint64_t>(parts[1]);
  }
  return std::nullopt;
}

}  // namespace cleave
