#include "app/qemu_build_needs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/format.h"
#include "base/text.h"
#include "lab/cache.h"

namespace cleave {
namespace {

constexpr const char* kPlainPath = "/usr/local/bin:/usr/bin:/bin";

std::string path_of(bool as_other) {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  return as_other || path == nullptr ? kPlainPath : path;
}

// Empty if it is in no directory of `path`.
std::string program_in(const std::string& name, const std::string& path) {
  for (const std::string_view directory : split(path, ':')) {
    std::string program = format("{}/{}", directory, name);
    if (!directory.empty() && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return {};
}

bool succeeds(const std::string& program, std::vector<std::string> arguments) {
  if (program.empty()) return false;
  arguments.insert(arguments.begin(), program);
  return tool_output(arguments).has_value();
}

bool has_header(const HostReader& host, const std::string& name) {
  if (std::ranges::any_of(
          std::array{"/usr/include", "/usr/local/include"},
          [&](const char* directory) { return host.exists(join_path(directory, name)); })) {
    return true;
  }
  // Debian's directories for one architecture.
  const auto names = host.list_directory("/usr/include");
  return names && std::ranges::any_of(*names, [&](const std::string& directory) {
           return directory.find("-linux-gnu") != std::string::npos &&
                  host.exists(format("/usr/include/{}/{}", directory, name));
         });
}

bool is_there(const HostReader& host, const BuildNeed& need, const std::string& path) {
  switch (need.kind) {
    case NeedKind::Program:
      return !program_in(need.name, path).empty();
    case NeedKind::Header:
      return has_header(host, need.name);
    case NeedKind::Module:
      return succeeds(program_in("pkg-config", path), {"--exists", need.name});
    case NeedKind::PythonModule:
      break;
  }
  return succeeds(program_in("python3", path), {"-c", format("import {}", need.name)});
}

// A value of os-release(5), without its quotes.
std::string release_value(const HostReader& host, std::string_view key) {
  auto text = host.read_file("/etc/os-release");
  if (!text) text = host.read_file("/usr/lib/os-release");
  if (!text) return {};
  for (const std::string_view line : lines(*text)) {
    if (!line.starts_with(key) || !line.substr(key.size()).starts_with('=')) continue;
    std::string_view value = trim(line.substr(key.size() + 1));
    if (value.size() > 1 && (value.front() == '"' || value.front() == '\'')) {
      value = value.substr(1, value.size() - 2);
    }
    return std::string(value);
  }
  return {};
}

}  // namespace

DistributionFamily family_of_host(const HostReader& host) {
  return distribution_family(release_value(host, "ID"), release_value(host, "ID_LIKE"));
}

std::string codename_of_host(const HostReader& host) {
  return release_value(host, "VERSION_CODENAME");
}

MissingNeeds missing_needs(const HostReader& host, const std::vector<BuildNeed>& needs,
                           bool as_other) {
  MissingNeeds missing;
  missing.family = family_of_host(host);
  const std::string path = path_of(as_other);
  for (const BuildNeed& need : needs) {
    if (!is_there(host, need, path)) missing.needs.push_back(need);
  }
  missing.packages = packages_for(missing.needs, missing.family);
  return missing;
}

std::string names_of(const std::vector<BuildNeed>& needs) {
  std::vector<std::string> names;
  for (const BuildNeed& need : needs) names.emplace_back(need.name);
  return join(names, ", ");
}

}  // namespace cleave
