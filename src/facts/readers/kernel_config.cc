#include <optional>

#include "base/format.h"
#include "facts/readers/decompress.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumSize = std::size_t{4} << 20U;  // 300 KB in 2026

Result<std::string> read_packed(const HostReader& host, const std::string& path) {
  const std::string packed = TRY(host.read_file(path));
  return decompress(packed, kMaximumSize);
}

}  // namespace

Fact<KernelConfig> read_kernel_config(const HostReader& host, std::string_view release) {
  const std::string usual = format("/boot/config-{}", release);
  std::optional<Fact<KernelConfig>> unreadable;
  const auto remember = [&](const Error& error, const std::string& path) {
    if (error.code != ErrorCode::NotFound && !unreadable) {
      unreadable = fact_from_error<KernelConfig>(error, path);
    }
  };
  for (const std::string& path : {usual, format("/lib/modules/{}/config", release),
                                  format("/usr/lib/modules/{}/config", release)}) {
    const auto text = host.read_file(path, kMaximumSize);
    if (text) return {parse_kernel_config(*text), path};
    remember(text.error(), path);
  }
  const std::string packed = "/proc/config.gz";  // CONFIG_IKCONFIG_PROC
  const auto text = read_packed(host, packed);
  if (text) return {parse_kernel_config(*text), packed};
  remember(text.error(), packed);
  return unreadable.value_or(Fact<KernelConfig>(Absent{}, usual));
}

}  // namespace cleave
