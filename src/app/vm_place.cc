#include "app/vm_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <set>

#include "base/fd.h"
#include "base/format.h"
#include "base/text.h"
#include "vm/vm.h"

namespace cleave {
namespace {

constexpr const char* kSystemDefinitions = "/etc/cleave/vms";
constexpr std::string_view kEnding = ".toml";

std::string variable(const char* name) {
  const char* value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody calls setenv
  return value == nullptr ? std::string() : std::string(value);
}

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(kEnding);
}

bool is_directory(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

Result<std::string> absolute_path(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::string here(4096, '\0');  // PATH_MAX
  if (::getcwd(here.data(), here.size()) == nullptr) {
    return system_error(errno, Message(N_("Could not tell the working directory")));
  }
  return normal_path(join_path(here.c_str(), path));
}

// Names of those that are defined; none where nobody may look.
std::vector<std::string> defined_names(const HostReader& host, const VmEnvironment& environment) {
  std::set<std::string> names;
  for (const std::string& directory : definition_directories(environment)) {
    const auto files = host.list_directory(directory);
    for (const std::string& file : files ? *files : std::vector<std::string>()) {
      std::string name = vm_name_of(file);
      if (file.ends_with(kEnding) && is_vm_name(name)) names.insert(std::move(name));
    }
  }
  return {names.begin(), names.end()};
}

// What the person may have meant.
Message known_vms(const std::vector<std::string>& known, const std::string& name) {
  if (const auto near = nearest(name, known)) {
    return {N_("Did you mean “{name}”?"), {{"name", *near}}};
  }
  if (known.empty()) return {N_("`cleave vm new {name}` makes one."), {{"name", name}}};
  return {N_("There are: {known}. `cleave vm new {name}` makes one of that name."),
          {{"known", join(known, ", ")}, {"name", name}}};
}

}  // namespace

Result<VmEnvironment> this_vm_environment() {
  VmEnvironment environment;
  const Caller caller = this_caller();
  environment.owner = TRY(vm_owner(caller));
  environment.is_root = caller.uid == 0;
  environment.by_sudo = environment.is_root && caller.sudo_uid && *caller.sudo_uid != "0";
  environment.home = variable("HOME");
  if (environment.by_sudo || environment.home.empty()) environment.home = environment.owner.home;
  // sudo keeps neither as a rule; what it left would be root's.
  if (!environment.by_sudo) {
    environment.config_home = variable("XDG_CONFIG_HOME");
    environment.data_home = variable("XDG_DATA_HOME");
    environment.runtime_home = variable("XDG_RUNTIME_DIR");
  }
  environment.has_display = !variable("DISPLAY").empty() || !variable("WAYLAND_DISPLAY").empty();
  return environment;
}

Credentials credentials_of(const Owner& owner) {
  return {.user = owner.uid,
          .group = owner.gid,
          .supplementary_groups = {owner.groups.begin(), owner.groups.end()}};
}

std::vector<std::string> definition_directories(const VmEnvironment& environment) {
  std::string config = environment.config_home;
  if (!config.starts_with('/')) config = join_path(environment.home, ".config");
  return {join_path(config, "cleave/vms"), kSystemDefinitions};
}

std::string vm_name_of(const std::string& name) {
  std::string_view base = base_name(name);
  if (base.ends_with(kEnding)) base.remove_suffix(kEnding.size());
  return std::string(base);
}

Result<std::string> find_definition(const HostReader& host, const VmEnvironment& environment,
                                    const std::string& name) {
  if (is_path(name)) {
    std::string path = TRY(absolute_path(name));
    const Result<FileStatus> found = host.status(path);
    if (found || found.error().code != ErrorCode::NotFound) return path;
    return error_of(ErrorCode::NotFound,
                    {N_("There is no VM in {path}: no such file is there"), {{"path", path}}});
  }
  if (!is_vm_name(name)) {
    return error_of(ErrorCode::Malformed,
                    {N_("“{name}” cannot be the name of a VM"), {{"name", printable(name)}}},
                    {N_("A name has letters, digits, dots, hyphens and underscores, at most 63.")});
  }
  std::vector<std::string> tried;
  for (const std::string& directory : definition_directories(environment)) {
    std::string path = format("{}/{}.toml", directory, name);
    const Result<FileStatus> found = host.status(path);
    if (found) return path;
    // Not being allowed to look is no absence.
    if (found.error().code != ErrorCode::NotFound) return found.error();
    tried.push_back(std::move(path));
  }
  return error_of(ErrorCode::NotFound,
                  {N_("There is no VM {name}: neither {first} nor {second} is there"),
                   {{"name", name}, {"first", tried.front()}, {"second", tried.back()}}},
                  known_vms(defined_names(host, environment), name));
}

Error not_running(const HostReader& host, const VmEnvironment& environment,
                  const std::string& name) {
  const Result<std::string> definition = find_definition(host, environment, name);
  if (!definition) return definition.error();
  const std::string known = vm_name_of(name);
  return error_of(ErrorCode::NotFound, {N_("The VM {name} does not run"), {{"name", known}}},
                  {N_("Start it with `cleave vm start {name}`."), {{"name", known}}});
}

std::string runtime_directory(const VmEnvironment& environment, const std::string& vm_name) {
  const std::string of_user = format("{}/{}", environment.user_runtime_base, environment.owner.uid);
  std::string base = environment.system_runtime_base;
  if (environment.is_root) {
    if (environment.by_sudo && is_directory(of_user)) base = join_path(of_user, "cleave");
  } else if (environment.runtime_home.starts_with('/')) {
    base = join_path(environment.runtime_home, "cleave");
  } else if (is_directory(of_user)) {
    base = join_path(of_user, "cleave");
  }
  return join_path(base, vm_name);
}

Result<void> make_system_runtime_directory(const VmEnvironment& environment,
                                           const std::string& directory) {
  const std::string& base = environment.system_runtime_base;
  if (!environment.is_root || !directory.starts_with(base + "/")) return {};
  const Message failed(N_("Could not make the VM's runtime directory {path}"),
                       {{"path", directory}});
  if (::mkdir(base.c_str(), 0755) != 0 && errno != EEXIST) {
    return system_error(errno, failed, base);
  }
  // The mode again, whatever the umask was: the owner must get through.
  if (::chmod(base.c_str(), 0755) != 0) return system_error(errno, failed, base);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error(errno, failed, directory);
  }
  const OwnedFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened.is_open() ||
      ::fchown(opened.get(), environment.owner.uid, environment.owner.gid) != 0 ||
      ::fchmod(opened.get(), 0700) != 0) {
    return system_error(errno, failed, directory);
  }
  return {};
}

}  // namespace cleave
