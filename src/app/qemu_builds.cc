#include "app/qemu_builds.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "app/owner.h"
#include "app/qemu.h"
#include "app/vm.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"
#include "qemu_build/source.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSystemWork = "/var/cache/cleave/qemu-build";
constexpr const char* kBelowData = "cleave/qemu";
constexpr const char* kBelowCache = "cleave/qemu-build";

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it
  return value == nullptr ? std::string() : std::string(value);
}

// Only absolute paths count (XDG Base Directory Specification 0.8).
std::string below(const char* name, const std::string& home, const char* otherwise,
                  const char* place) {
  const std::string base = variable(name);
  return join_path(base.starts_with('/') ? base : join_path(home, otherwise), place);
}

Result<std::string> home_of_caller() {
  std::string home = variable("HOME");
  if (home.starts_with('/')) return home;
  return TRY(vm_owner(this_caller())).home;
}

Error no_such_build(const std::string& name) {
  return error_of(ErrorCode::NotFound,
                  {N_("There is no QEMU {name} that cleave built."), {{"name", printable(name)}}},
                  {N_("`cleave qemu list` shows those there are.")});
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && path.substr(directory.size()).starts_with('/');
}

bool runs_on(const HostReader& host, const ListedVm& listed, const QemuBuild& build) {
  if (!listed.process_id) return false;
  const auto program = host.read_link(format("/proc/{}/exe", *listed.process_id));
  return program && is_below(*program, build.prefix);
}

bool is_defined_with(const HostReader& host, const VmEnvironment& environment,
                     const ListedVm& listed, const QemuBuild& build) {
  const Result<Vm> vm = load_good_vm(host, environment, listed.file);
  if (!vm) return false;
  if (vm->qemu == build.record.name) return true;
  const auto real = host.real_path(vm->qemu);
  return vm->qemu.find('/') != std::string::npos && real && is_below(*real, build.prefix);
}

Result<std::vector<std::string>> users_of(const HostReader& host, const VmEnvironment& environment,
                                          const QemuBuild& build) {
  std::vector<std::string> names;
  const std::vector<ListedVm> all = TRY(list_vms(host, environment));
  for (const ListedVm& listed : all) {
    if (runs_on(host, listed, build) || is_defined_with(host, environment, listed, build)) {
      names.push_back(listed.name);
    }
  }
  return names;
}

Result<void> remove_files(const QemuBuild& build) {
  const auto failed = [&build](const std::string& path, int number) {
    return system_error(
        number, {N_("Could not remove the QEMU {name}"), {{"name", build.record.name}}}, path);
  };
  if (build.directory != build.prefix) {  // a link to where --prefix put it
    if (::unlink(build.directory.c_str()) != 0) return failed(build.directory, errno);
  }
  // Out of the way at once, so that no half of it is ever found.
  const std::string aside =
      format("{}/.{}.removed", directory_name(build.prefix), base_name(build.prefix));
  std::error_code problem;
  fs::remove_all(aside, problem);
  if (::rename(build.prefix.c_str(), aside.c_str()) != 0) return failed(build.prefix, errno);
  fs::remove_all(aside, problem);
  if (problem) return failed(aside, problem.value());
  return {};
}

}  // namespace

Result<BuildPlaces> build_places(const HostReader& host) {
  if (host.user_id() == 0) {
    return BuildPlaces{.builds = kSystemQemuBuilds,
                       .work = kSystemWork,
                       .builder = credentials_of(TRY(vm_owner(this_caller())))};
  }
  const std::string home = TRY(home_of_caller());
  return BuildPlaces{.builds = below("XDG_DATA_HOME", home, ".local/share", kBelowData),
                     .work = below("XDG_CACHE_HOME", home, ".cache", kBelowCache),
                     .builder = {}};
}

std::vector<std::string> build_directories(const HostReader& host) {
  std::vector<std::string> directories;
  if (host.is_live() && host.user_id() != 0) {
    if (const auto places = build_places(host)) directories.push_back(places->builds);
  }
  const Caller caller = this_caller();
  if (host.is_live() && caller.uid == 0 && caller.sudo_uid) {
    // sudo keeps no XDG_DATA_HOME; the VM runs as this user.
    const auto owner = vm_owner(caller);
    if (owner && owner->home.starts_with('/')) {
      directories.push_back(join_path(join_path(owner->home, ".local/share"), kBelowData));
    }
  }
  directories.emplace_back(kSystemQemuBuilds);
  return directories;
}

std::string QemuBuild::program() const { return join_path(directory, kBuiltProgram); }

Result<QemuBuild> read_build(const HostReader& host, const std::string& directory,
                             const std::string& name) {
  const std::string place = join_path(directory, name);
  QemuBuild build;
  build.directory = place;
  build.prefix = TRY(host.real_path(place));
  const std::string text =
      TRY(host.read_file(join_path(build.prefix, kBuildRecord), kBuildRecordLimit));
  build.record = TRY(parse_build_record(text, name));
  return build;
}

std::vector<QemuBuild> list_builds(const HostReader& host) {
  std::vector<QemuBuild> builds;
  for (const std::string& directory : build_directories(host)) {
    const auto names = host.list_directory(directory);
    if (!names) continue;
    for (const std::string& name : *names) {
      const bool known = std::ranges::any_of(
          builds, [&name](const QemuBuild& build) { return build.record.name == name; });
      if (known || !is_build_name(name)) continue;
      if (auto build = read_build(host, directory, name)) builds.push_back(std::move(*build));
    }
  }
  return builds;
}

std::optional<QemuBuild> find_build(const HostReader& host, const std::string& name) {
  if (!is_build_name(name)) return std::nullopt;
  for (const std::string& directory : build_directories(host)) {
    if (auto build = read_build(host, directory, name)) return std::move(*build);
  }
  return std::nullopt;
}

Result<QemuBuild> remove_build(HostWriter& host, const VmEnvironment& environment,
                               const std::string& name) {
  const std::optional<QemuBuild> build = find_build(host, name);
  if (!build) return no_such_build(name);
  const std::vector<std::string> users = TRY(users_of(host, environment, *build));
  if (!users.empty()) {
    return error_of(ErrorCode::Conflict,
                    {N_("The QEMU {name} is not removed: VMs use it: {vms}"),
                     {{"name", name}, {"vms", join(users, ", ")}}},
                    {N_("Give them another one in their definitions (qemu = \"…\"), and stop those "
                        "that run.")});
  }
  const auto answers = read_qemu_program(host, build->program(), fact_places(host).qemu_answers);
  TRY(remove_files(*build));
  // What it once answered is of no use any more; if it stays, nobody looks at it.
  if (answers && !answers->kept_in.empty()) (void)host.remove_file(answers->kept_in);
  return *build;
}

}  // namespace cleave
