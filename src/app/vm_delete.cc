#include "app/vm_delete.h"

#include <algorithm>
#include <optional>
#include <set>

#include "app/qemu_img.h"
#include "app/vm.h"
#include "app/vm_control.h"
#include "app/vm_disks.h"
#include "app/vm_files.h"
#include "base/text.h"
#include "host/signals_wait.h"

namespace cleave {
namespace {

constexpr std::size_t kMostFiles = 10'000;
constexpr int kDeepest = 8;

// Everything below, children before their directory. Links are not followed.
Result<void> list_below(const HostReader& host, const std::string& directory, int depth,
                        std::vector<std::string>& files) {
  const Result<std::vector<std::string>> names = host.list_directory(directory);
  if (!names && names.error().code == ErrorCode::NotFound) return {};
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const std::string path = join_path(directory, name);
    const FileStatus status = TRY(host.status(path));
    if (files.size() >= kMostFiles || depth >= kDeepest) {
      return error_of(
          ErrorCode::Unsupported,
          {N_("{path} has more in it than a VM's directory has"), {{"path", directory}}},
          {N_("Look what it is, and remove it by hand.")});
    }
    if (status.kind == FileKind::Directory) {
      TRY(list_below(host, path, depth + 1, files));
    } else {
      files.push_back(path);
    }
  }
  files.push_back(directory);
  return {};
}

std::string real_or_itself(const HostReader& host, const std::string& path) {
  return host.real_path(path).value_or(path);
}

// What other VMs have of images, by real path; empty if it cannot be told, with the reason.
struct OthersImages {
  std::set<std::string> files;
  std::optional<Message> unknown;
};

void add_images_of(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                   OthersImages& others) {
  for (const Vm::Disk& disk : vm.disks) {
    if (disk.file.empty()) continue;
    others.files.insert(real_or_itself(host, disk.file));
    if (disk.format != "qcow2" || !host.exists(disk.file)) continue;
    const auto chain = image_chain(environment, disk.file, disk.format);
    if (!chain) {
      others.unknown = {N_("What {file} of the VM {name} builds on could not be read"),
                        {{"file", disk.file}, {"name", vm.name}}};
      continue;
    }
    for (const std::string& file : *chain) others.files.insert(real_or_itself(host, file));
  }
}

OthersImages images_of_others(const HostReader& host, const VmEnvironment& environment,
                              const std::string& own_definition) {
  OthersImages others;
  for (const std::string& directory : definition_directories(environment)) {
    const Result<std::vector<std::string>> names = host.list_directory(directory);
    if (!names && names.error().code != ErrorCode::NotFound) {
      others.unknown = {N_("The definitions in {path} could not be read"), {{"path", directory}}};
    }
    if (!names) continue;
    for (const std::string& name : *names) {
      const std::string file = join_path(directory, name);
      if (!name.ends_with(".toml") || file == own_definition) continue;
      const Result<Vm> vm = load_good_vm(host, environment, file);
      if (vm) {
        add_images_of(host, environment, *vm, others);
      } else {
        others.unknown = {N_("The definition {file} could not be read"), {{"file", file}}};
      }
    }
  }
  return others;
}

// Empty: it may go.
std::optional<Message> why_kept(const HostReader& host, const VmEnvironment& environment,
                                const std::string& file, const OthersImages& others) {
  const std::string real = real_or_itself(host, file);
  const Result<FileStatus> status = host.status(real);
  if (!status || status->kind != FileKind::Regular) {
    return Message(N_("it is no file that could be read"));
  }
  if (status->user != environment.owner.uid) {
    return Message(N_("it does not belong to {user}"), {{"user", environment.owner.name}});
  }
  const std::string home = real_or_itself(host, environment.owner.home);
  if (home == "/" || !real.starts_with(home + "/")) {
    return Message(N_("it lies outside of {home}"), {{"home", environment.owner.home}});
  }
  if (others.files.contains(real)) return Message(N_("another VM needs it"));
  return others.unknown;
}

void choose_images(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                   bool wanted, PreparedDelete& prepared) {
  const OthersImages others =
      wanted ? images_of_others(host, environment, prepared.definition) : OthersImages();
  for (const Vm::Disk& disk : vm.disks) {
    if (disk.file.empty() || !host.exists(disk.file)) continue;
    if (disk.read_only) {
      if (wanted) prepared.kept.push_back({.file = disk.file, .why = {N_("the VM only read it")}});
      continue;
    }
    std::optional<Message> why = wanted
                                     ? why_kept(host, environment, disk.file, others)
                                     : std::optional<Message>(Message(N_("--disks was not given")));
    if (why) {
      prepared.kept.push_back({.file = disk.file, .why = *std::move(why)});
    } else {
      prepared.images.push_back(disk.file);
    }
  }
}

Result<void> remove_one(HostWriter& host, const std::string& path) {
  const Result<FileStatus> status = host.status(path);
  if (!status && status.error().code == ErrorCode::NotFound) return {};
  if (!status) return status.error();
  return status->kind == FileKind::Directory ? host.remove_directory(path) : host.remove_file(path);
}

}  // namespace

Result<PreparedDelete> prepare_delete(const HostReader& host, const VmEnvironment& environment,
                                      const std::string& name, bool images) {
  const LoadedVm loaded = TRY(load_vm(host, environment, name));
  PreparedDelete prepared;
  prepared.name = loaded.name;
  prepared.definition = loaded.file;
  prepared.stopped = TRY(keep_stopped(environment, loaded.name));
  {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
    TRY(list_below(host, data_directory(environment, loaded.name), 0, prepared.files));
    TRY(list_below(host, runtime_directory(environment, loaded.name), 0, prepared.files));
  }
  // A definition that is not right can go; what its images are nobody knows.
  if (loaded.checked.vm) choose_images(host, environment, *loaded.checked.vm, images, prepared);
  return prepared;
}

Result<void> delete_vm(HostWriter& host, const VmEnvironment& environment,
                       const PreparedDelete& prepared) {
  const SignalsKept kept;
  {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
    for (const std::string& image : prepared.images) TRY(remove_one(host, image));
    for (const std::string& file : prepared.files) {
      // A directory whose parent is root's (/run/cleave, /var/lib/cleave/vms) stays, empty.
      const Result<void> removed = remove_one(host, file);
      if (!removed && !(removed.error().code == ErrorCode::Denied && host.list_directory(file))) {
        return removed.error();
      }
    }
  }
  const ActingAs owner =
      environment.by_sudo && prepared.definition.starts_with(environment.home + "/")
          ? TRY(ActingAs::begin(credentials_of(environment.owner)))
          : ActingAs();
  return remove_one(host, prepared.definition);
}

}  // namespace cleave
