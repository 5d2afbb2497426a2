#include "app/vm_export.h"

#include <algorithm>

#include "app/vgpu.h"
#include "app/vm_files.h"
#include "app/vm_gpu.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/pci.h"
#include "ways/ways.h"

namespace cleave {
namespace {

// By the definition alone: what it names, or nothing.
StartResources resources_by_definition(const Vm& vm) {
  StartResources resources;
  const Way* way = vm.gpu ? find_way(vm.gpu->way) : nullptr;
  if (way == nullptr) return resources;
  const Vm::Gpu& gpu = *vm.gpu;
  Attachment attachment{.sysfs_path = "/sys/bus/mdev/devices/" + gpu.uuid,
                        .type_id = gpu.type_id,
                        .display = gpu.display,
                        .opregion = gpu.opregion.value_or(gpu.way == "gvt-g"),
                        .ramfb = gpu.ramfb.value_or(false),
                        .width = gpu.width,
                        .height = gpu.height,
                        .machine = vm.machine,
                        .rom = gpu.rom,
                        .primary = gpu.primary};
  const bool is_pci = gpu.way == "sr-iov" || gpu.way == "passthrough";
  if (is_pci) {
    const auto address = parse_pci_address(gpu.device);
    if (!address) return resources;
    attachment.functions = {*address};
  }
  if (gpu.way == virtio_gpu_way().id()) {
    const bool draws = gpu.mode != "2d";
    resources.gpu_devices = {draws ? "virtio-vga-gl" : "virtio-vga"};
    resources.gpu_needs_opengl = draws;
    return resources;
  }
  GuestDevice device = way->guest_device(attachment);
  resources.gpu_devices = std::move(device.devices);
  resources.gpu_needs_opengl = device.needs_opengl;
  resources.gpu_replaces_screen = device.replaces_screen;
  return resources;
}

// The parent and the type of a vGPU that is there, or that a start would make.
ExportHost::Vgpu vgpu_of(const HostReader& host, const Vm& vm, const VgpuChoice* choice) {
  ExportHost::Vgpu vgpu;
  if (!vm.gpu || vm.gpu->way == virtio_gpu_way().id()) return vgpu;
  vgpu.parent = vm.gpu->parent;
  vgpu.type_id = vm.gpu->type_id;
  if (choice != nullptr && choice->create) {
    vgpu.parent = choice->create->request.parent;
    vgpu.type_id = choice->create->request.type_id;
  }
  const Result<VgpuView> view = view_vgpus(host);
  if (!view) return vgpu;
  const auto there = std::ranges::find(view->devices, vm.gpu->uuid, &MediatedDevice::uuid);
  if (there != view->devices.end()) {
    vgpu.parent = (*there)->parent;
    vgpu.type_id = (*there)->type_id;
  }
  for (const VgpuParent& each : view->parents) {
    if (each.parent->name != vgpu.parent) continue;
    const auto type = std::ranges::find(each.parent->types, vgpu.type_id, &MdevType::id);
    if (type != each.parent->types.end()) vgpu.type_name = type->name.value_or("");
  }
  return vgpu;
}

std::optional<std::uint16_t> id_in(const HostReader& host, const std::string& path) {
  constexpr std::size_t kLongest = 16;  // "0x8086\n"
  const Result<std::string> text = host.read_file(path, kLongest);
  return text ? parse_hexadecimal<std::uint16_t>(trim(*text)) : std::nullopt;
}

std::vector<ExportHost::PciIds> ids_of(const HostReader& host, const HandoverChoice& choice) {
  std::vector<ExportHost::PciIds> all;
  for (const std::string& address : choice.addresses) {
    const std::string path = "/sys/bus/pci/devices/" + address;
    const auto vendor = id_in(host, path + "/vendor");
    const auto device = id_in(host, path + "/device");
    if (parse_pci_address(address) && vendor && device) {
      all.push_back({.address = address, .vendor = *vendor, .device = *device});
    }
  }
  return all;
}

void describe_firmware(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                       ExportHost& described, std::vector<Message>& notes) {
  Result<FirmwareChoice> firmware = choose_firmware(host, environment, vm);
  if (firmware) {
    described.resources.firmware = std::move(firmware->files);
    described.nvram_template = std::move(firmware->nvram_template);
    return;
  }
  notes.push_back({N_("The firmware is left to the other side: {reason}"),
                   {{"reason", english(firmware.error())}}});
}

}  // namespace

ExportHost describe_for_export(const HostReader& host, const VmEnvironment& environment,
                               const Vm& vm, std::vector<Message>& notes) {
  ExportHost described;
  Result<DeviceChoice> choice = choose_devices(host, environment, vm);
  if (choice) {
    described.resources = std::move(choice->resources);
    described.vgpu = vgpu_of(host, vm, choice->vgpu ? &*choice->vgpu : nullptr);
    if (choice->handover) described.pci_ids = ids_of(host, *choice->handover);
  } else {
    notes.push_back(
        {N_("The devices are those that the definition names, not those that this machine "
            "would give: {reason}"),
         {{"reason", english(choice.error())}}});
    described.resources = resources_by_definition(vm);
    described.vgpu = vgpu_of(host, vm, nullptr);
  }
  described.resources.runtime_directory = runtime_directory(environment, vm.name);
  described.resources.audio_backend = choose_audio_backend(host, environment, vm);
  describe_firmware(host, environment, vm, described, notes);
  return described;
}

Result<std::vector<std::string>> write_exported(HostWriter& host,
                                                const std::vector<ExportedFile>& files,
                                                const std::string& directory, bool replace) {
  std::vector<std::string> paths;
  for (const ExportedFile& file : files) {
    paths.push_back(join_path(directory, file.name));
    if (replace || !host.exists(paths.back())) continue;
    return error_of(ErrorCode::Conflict,
                    {N_("There is a file {path} already"), {{"path", paths.back()}}},
                    {N_("Name another directory with --output, or replace it with --force.")});
  }
  TRY(host.create_directories(directory, 0755));
  for (std::size_t i = 0; i < files.size(); ++i) {
    TRY(host.replace_file(paths[i], files[i].content, 0644));
  }
  return paths;
}

Result<std::string> write_imported_vm(HostWriter& host, const VmEnvironment& environment,
                                      const ImportedVm& imported) {
  const std::string& name = imported.vm.name;
  const std::string directory = definition_directories(environment).front();
  std::string path = format("{}/{}.toml", directory, name);
  if (host.exists(path)) {
    return error_of(ErrorCode::Conflict,
                    {N_("There is a VM {name} already: {path}"), {{"name", name}, {"path", path}}},
                    {N_("Choose another name with --name.")});
  }
  // In the owner's own directory, as the owner.
  const ActingAs owner =
      environment.by_sudo ? TRY(ActingAs::begin(credentials_of(environment.owner))) : ActingAs();
  TRY(host.create_directories(directory, 0755));
  TRY(host.replace_file(path, imported.text, 0644));
  return path;
}

}  // namespace cleave
