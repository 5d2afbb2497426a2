// The kernel's log since boot: its ring buffer, else the copy that the system keeps.
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumLog = std::size_t{16} << 20U;  // log_buf_len is 2 MiB at the most

}  // namespace

Fact<std::string> read_kernel_log(const HostReader& host) {
  const std::string ring = "/dev/kmsg";
  auto text = host.read_file(ring, kMaximumLog);
  if (text && !text->empty()) return {std::move(*text), ring};
  // Debian's and Ubuntu's copy of the boot's log, open to the group adm.
  const std::string copy = "/var/log/dmesg";
  auto kept = host.read_file(copy, kMaximumLog);
  if (kept && !kept->empty()) return {std::move(*kept), copy};
  if (!text) return fact_from_error<std::string>(text.error(), ring);
  return {Absent{}, ring};
}

}  // namespace cleave
