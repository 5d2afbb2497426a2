#include "app/vm_clone.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "app/qemu_img.h"
#include "app/vm.h"
#include "app/vm_control.h"
#include "app/vm_disks.h"
#include "app/vm_files.h"
#include "base/text.h"
#include "host/signals_wait.h"
#include "vm/definition_edit.h"

namespace cleave {
namespace {

constexpr auto kCopyLimit = std::chrono::hours(24);
constexpr const char* kUnfinished = ".cleave-unfinished";

// Removed again unless all went well. As the VM's user, whose files they are.
class NewFiles {
 public:
  explicit NewFiles(const VmEnvironment& environment) : environment_(environment) {}
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;
  ~NewFiles() {
    if (paths_.empty()) return;
    const Result<ActingAs> owner = ActingAs::begin(credentials_of(environment_.owner));
    if (!owner) return;
    for (const std::string& path : paths_) ::unlink(path.c_str());
  }
  void add(std::string path) { paths_.push_back(std::move(path)); }
  void keep() { paths_.clear(); }

 private:
  const VmEnvironment& environment_;
  std::vector<std::string> paths_;
};

struct Original {
  Vm vm;
  std::string file;
  std::string text;
  VmDefinition definition;
};

Result<Original> read_original(const HostReader& host, const VmEnvironment& environment,
                               const std::string& name) {
  Original original{.vm = TRY(load_good_vm(host, environment, name)),
                    .file = TRY(find_definition(host, environment, name)),
                    .text = {},
                    .definition = {}};
  original.text = TRY(host.read_file(original.file));
  original.definition = TRY(parse_definition(original.text, original.file)).definition;
  return original;
}

Error is_there(const std::string& path) {
  return error_of(ErrorCode::Conflict, {N_("{path} is there already"), {{"path", path}}},
                  {N_("Choose another name, or move that file away.")});
}

// "/vms/old.qcow2" → "/vms/new.qcow2", "/vms/disk.qcow2" → "/vms/new-disk.qcow2".
std::string image_for(const std::string& file, const Original& original,
                      const CloneRequest& request) {
  std::string base(base_name(file));
  if (base.starts_with(original.vm.name)) {
    base = request.new_name + base.substr(original.vm.name.size());
  } else {
    base = request.new_name + "-" + base;
  }
  if (request.linked && !base.ends_with(".qcow2")) base += ".qcow2";
  return join_path(directory_name(file), base);
}

Result<std::vector<ClonedImage>> plan_images(const HostReader& host, const Original& original,
                                             const CloneRequest& request) {
  std::vector<ClonedImage> images;
  for (const NumberedDisk& each : written_disks(original.vm)) {
    const std::string& file = each.disk.file;
    if (file.starts_with("/dev/")) {
      return error_of(ErrorCode::Unsupported,
                      {N_("{disk} is the device {file}: only images are copied"),
                       {{"disk", each.id()}, {"file", file}}},
                      {N_("Copy the definition by hand, and give it a disk of its own.")});
    }
    ClonedImage image{.from = file,
                      .to = image_for(file, original, request),
                      .format = request.linked ? "qcow2" : each.disk.format};
    const bool twice = std::ranges::find(images, image.to, &ClonedImage::to) != images.end();
    if (host.exists(image.to) || twice) return is_there(image.to);
    images.push_back(std::move(image));
  }
  return images;
}

struct NewText {
  std::string path;
  std::string directory;
  CopiedDefinition copied;
};

// Read again as a whole: what stands in it after the change is what counts.
Result<void> check_text(const Original& original, const NewText& text, const std::string& new_name,
                        const std::vector<ClonedImage>& images) {
  const CheckedDefinition checked =
      TRY(read_definition(text.copied.text, text.path, text.directory));
  bool right = checked.vm && checked.vm->name == new_name &&
               checked.vm->disks.size() == original.vm.disks.size();
  for (std::size_t i = 0; right && i < checked.vm->disks.size(); ++i) {
    const Vm::Disk& before = original.vm.disks[i];
    const auto image = std::ranges::find(images, before.file, &ClonedImage::from);
    const bool is_copied = !before.read_only && image != images.end();
    right = checked.vm->disks[i].file == (is_copied ? image->to : before.file) &&
            checked.vm->disks[i].format == (is_copied ? image->format : before.format);
  }
  if (right) return {};
  return error_of(
      ErrorCode::Unsupported,
      {N_("The definition {file} cannot be changed for a copy by cleave"),
       {{"file", original.file}}},
      {N_("Its keys must stand on lines of their own, and paths begin with “/” where the "
          "copy comes into another directory.")});
}

Result<NewText> new_text(const HostReader& host, const VmEnvironment& environment,
                         const Original& original, const CloneRequest& request,
                         const std::vector<ClonedImage>& images) {
  NewText text;
  text.directory = definition_directories(environment).front();
  text.path = join_path(text.directory, request.new_name + ".toml");
  if (host.exists(text.path)) return is_there(text.path);
  std::vector<MovedImage> changed;
  for (const NumberedDisk& each : written_disks(original.vm)) {
    const auto image = std::ranges::find(images, each.disk.file, &ClonedImage::from);
    changed.push_back({.disk = each.number, .file = image->to, .becomes_qcow2 = request.linked});
  }
  text.copied = TRY(copy_definition(original.text, original.definition, request.new_name, changed));
  TRY(check_text(original, text, request.new_name, images));
  return text;
}

std::vector<std::string> copy_command(const ClonedImage& image, const Original& original,
                                      bool linked) {
  const std::string to = image.to + kUnfinished;
  const auto disk = std::ranges::find(original.vm.disks, image.from, &Vm::Disk::file);
  if (linked) {
    return {"create", "-q", "-f", "qcow2", "-b", image.from, "-F", disk->format, to};
  }
  return {"convert", "-p", "-f", disk->format, "-O", image.format, image.from, to};
}

Result<void> copy_images(const VmEnvironment& environment, const Original& original,
                         const CloneRequest& request, const std::vector<ClonedImage>& images,
                         NewFiles& files) {
  for (const ClonedImage& image : images) {
    files.add(image.to + kUnfinished);
    QemuImgCall call{.arguments = copy_command(image, original, request.linked),
                     .limit = kCopyLimit};
    if (request.progress && !request.linked) {
      call.progress = [&](double percent) { request.progress(image.to, percent); };
    }
    TRY(run_qemu_img(environment, call));
  }
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  for (const ClonedImage& image : images) {
    const std::string from = image.to + kUnfinished;
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, image.to.c_str(), RENAME_NOREPLACE) != 0) {
      return system_error(errno, {N_("Could not give {path} its name"), {{"path", image.to}}},
                          image.to);
    }
    files.add(image.to);
  }
  return {};
}

Result<void> copy_nvram(HostWriter& host, const VmEnvironment& environment,
                        const Original& original, const std::string& new_name, NewFiles& files) {
  if (!original.vm.firmware.uefi) return {};
  const FirmwareChoice firmware = TRY(choose_firmware(host, environment, original.vm));
  if (!host.exists(firmware.files.nvram)) return {};  // never started: it gets new ones
  TRY(make_data_directory(host, environment, new_name));
  const std::string to = join_path(data_directory(environment, new_name), "nvram.fd");
  if (host.exists(to)) return is_there(to);
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  files.add(to);
  return host.copy_file(firmware.files.nvram, to);
}

std::vector<Message> notes_of(const Original& original, const CloneRequest& request,
                              const CopiedDefinition& copied) {
  std::vector<Message> notes;
  for (const std::string& line : copied.removed) {
    notes.push_back(
        {N_("Left out of the copy, so that it gets its own: {line}"), {{"line", printable(line)}}});
  }
  if (request.linked) {
    notes.push_back(
        {N_("The copy's images build on those of {name}: do not start, change or delete "
            "{name} while the copy is needed."),
         {{"name", original.vm.name}}});
  } else {
    notes.emplace_back(N_("Snapshots inside of the images were not copied."));
  }
  const bool forwards = std::ranges::any_of(
      original.vm.networks, [](const auto& each) { return !each.forwards.empty(); });
  if (forwards) {
    notes.emplace_back(
        N_("Both have the same ports of the host: change them, or run one at a time."));
  }
  if (original.vm.firmware.tpm) {
    // As virt-clone does: with the old one's state the copy could open what only the old VM shall.
    notes.emplace_back(
        N_("The copy has a new TPM: what was sealed with the old one (BitLocker) asks "
           "for its recovery key."));
  }
  return notes;
}

}  // namespace

Result<CloneReport> clone_vm(HostWriter& host, const VmEnvironment& environment,
                             const CloneRequest& request) {
  if (!is_vm_name(request.new_name)) {
    return error_of(ErrorCode::Malformed, {N_("“{name}” cannot be the name of a VM"),
                                           {{"name", printable(request.new_name)}}});
  }
  const SignalsKept kept;  // Ctrl-C leaves nothing half done
  const Original original = TRY(read_original(host, environment, request.name));
  const OwnedFd stopped = TRY(keep_stopped(environment, original.vm.name));
  CloneReport report;
  report.images = TRY(plan_images(host, original, request));
  const NewText text = TRY(new_text(host, environment, original, request, report.images));
  NewFiles files(environment);
  TRY(copy_images(environment, original, request, report.images, files));
  TRY(copy_nvram(host, environment, original, request.new_name, files));
  {
    const ActingAs owner =
        environment.by_sudo ? TRY(ActingAs::begin(credentials_of(environment.owner))) : ActingAs();
    TRY(host.create_directories(text.directory, 0755));
    TRY(host.replace_file(text.path, text.copied.text, 0644));
  }
  files.keep();
  report.definition = text.path;
  report.notes = notes_of(original, request, text.copied);
  return report;
}

}  // namespace cleave
