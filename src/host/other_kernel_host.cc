#include "host/other_kernel_host.h"

#include <algorithm>
#include <array>

namespace cleave {
namespace {

constexpr std::string_view kRelease = "/proc/sys/kernel/osrelease";
// What the running kernel says of itself, its modules and its drivers.
constexpr std::array<std::string_view, 7> kOfRunning = {
    "/proc/version", "/proc/config.gz",     "/proc/modules", "/sys/module",
    "/dev/kmsg",     "/sys/class/mdev_bus", "/sys/bus/mdev"};
constexpr std::string_view kTypes = "/mdev_supported_types";

bool is_of_running(std::string_view path) {
  if (path.find(kTypes) != std::string_view::npos) return true;
  return std::ranges::any_of(kOfRunning, [&](std::string_view known) {
    return path.starts_with(known) && (path.size() == known.size() || path[known.size()] == '/');
  });
}

Error not_asked(std::string_view path) {
  Error error;
  error.code = ErrorCode::Io;
  error.message = {N_("That kernel is not running: {path}"), {{"path", path}}};
  error.path = std::string(path);
  return error;
}

}  // namespace

Result<std::string> OtherKernelHost::read_file(std::string_view path, std::size_t limit) const {
  if (path == kRelease) return release_ + "\n";
  if (is_of_running(path)) return not_asked(path);
  return inner_.read_file(path, limit);
}

Result<std::string> OtherKernelHost::read_at(std::string_view path, std::uint64_t offset,
                                             std::size_t length) const {
  return inner_.read_at(path, offset, length);
}

Result<std::string> OtherKernelHost::kernel_journal(int /*boot*/,
                                                    std::size_t /*most_lines*/) const {
  return not_asked("/dev/kmsg");
}

Result<std::vector<std::string>> OtherKernelHost::list_directory(std::string_view path) const {
  if (is_of_running(path)) return not_asked(path);
  return inner_.list_directory(path);
}

Result<std::string> OtherKernelHost::read_link(std::string_view path) const {
  if (is_of_running(path)) return not_asked(path);
  return inner_.read_link(path);
}

Result<FileStatus> OtherKernelHost::status(std::string_view path) const {
  if (is_of_running(path)) return not_asked(path);
  return inner_.status(path);
}

Result<std::string> OtherKernelHost::real_path(std::string_view path) const {
  if (is_of_running(path)) return not_asked(path);
  return inner_.real_path(path);
}

Result<bool> OtherKernelHost::may_access(std::string_view path, Access access) const {
  if (is_of_running(path)) return not_asked(path);
  return inner_.may_access(path, access);
}

}  // namespace cleave
