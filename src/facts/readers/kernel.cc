#include "facts/readers/readers.h"

namespace cleave {

KernelFacts read_running_kernel(const HostReader& host) {
  KernelFacts kernel;
  kernel.release = read_text_fact(host, "/proc/sys/kernel/osrelease");
  kernel.version = read_text_fact(host, "/proc/version");
  const auto text = read_text_fact(host, "/proc/cmdline");
  if (const std::string* words = text.value()) {
    kernel.command_line = {parse_kernel_command_line(*words), text.source()};
  } else if (text.unreadable() != nullptr) {
    kernel.command_line = *text.unreadable();
  } else {
    kernel.command_line = {Absent{}, text.source()};
  }
  return kernel;
}

}  // namespace cleave
