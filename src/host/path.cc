#include <string>
#include <vector>

#include "base/format.h"
#include "base/text.h"
#include "host/host.h"

namespace cleave {

std::string kernel_journal_path(int boot) {
  return format("/.journal/kernel-boot-{}", boot < 0 ? -boot : boot);
}

std::string piece_path(std::string_view path, std::uint64_t offset) {
  return format("{}@{:#x}", normal_path(path), offset);
}

std::string join_path(std::string_view directory, std::string_view name) {
  while (directory.ends_with('/')) directory.remove_suffix(1);
  while (name.starts_with('/')) name.remove_prefix(1);
  return std::string(directory) + "/" + std::string(name);
}

std::string_view base_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view directory_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string normal_path(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string normal;
  for (const std::string_view part : kept) normal.append("/").append(part);
  return normal.empty() ? "/" : normal;
}

}  // namespace cleave
