#include "app/vm_gpu.h"

#include <algorithm>
#include <iterator>

#include "app/qemu.h"
#include "app/vgpu_choice.h"
#include "app/vm_iommufd.h"
#include "app/vm_usb.h"
#include "app/vm_virtio_gpu.h"
#include "base/format.h"
#include "ways/ways.h"

namespace cleave {
namespace {

Result<void> check_existing(const HostReader& host, const VmEnvironment& environment,
                            const Vm::Gpu& gpu, const MediatedDevice& device, bool iommufd) {
  const bool other_type = !gpu.type_id.empty() && gpu.type_id != device.type_id;
  const bool other_parent = !gpu.parent.empty() && gpu.parent != device.parent;
  if (other_type || other_parent) {
    return error_of(
        ErrorCode::Conflict,
        {N_("The vGPU {uuid} is there already, but it is a {type} of {parent}"),
         {{"uuid", device.uuid}, {"type", device.type_id}, {"parent", device.parent}}},
        {N_("Remove it with `cleave vgpu remove {uuid}`, or let the definition name its type."),
         {{"uuid", device.uuid}}});
  }
  if (!device.users.empty()) {
    return error_of(ErrorCode::Busy,
                    {N_("The vGPU {uuid} is in use by process {process} ({command})"),
                     {{"uuid", device.uuid},
                      {"process", device.users.front().process_id},
                      {"command", device.users.front().command}}});
  }
  const std::string node = vfio_node(host, device.sysfs_path, device.iommu_group, iommufd);
  if (node.empty()) return {};  // QEMU will say what it thinks of that
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  const Result<bool> usable = host.may_access(node, Access::ReadWrite);
  if (usable && *usable) return {};
  Error error = error_of(
      ErrorCode::Denied,
      {N_("The user {user}, as whom QEMU runs, may not open the vGPU {uuid} ({path})"),
       {{"user", environment.owner.name}, {"uuid", device.uuid}, {"path", node}}},
      {N_("Make it for that user: `cleave vgpu remove {uuid}`, then start the VM as root."),
       {{"uuid", device.uuid}}});
  error.path = node;
  return error;
}

// Where nothing is known of QEMU the wish of the definition alone counts; the abilities are asked
// at the first start.
Result<bool> has_ramfb(const Vm& vm, const QemuAbilities* qemu) {
  const bool wanted = vm.gpu->ramfb.value_or(vm.gpu->way == "gvt-g");
  if (!wanted || !vm.gpu->display) return false;
  if (qemu == nullptr) return vm.gpu->ramfb.has_value();
  if (qemu->has_boot_display()) return true;
  if (!vm.gpu->ramfb) return false;
  return error_of(ErrorCode::Unsupported,
                  {N_("gpu.ramfb is true, but {qemu} has no ramfb for vGPUs"), {{"qemu", vm.qemu}}},
                  {N_("Leave gpu.ramfb out, or take QEMU 4.0 or newer with VFIO's display.")});
}

Result<GuestDevice> guest_device(const HostReader& host, const Vm& vm,
                                 const std::string& sysfs_path, const std::string& type_id,
                                 bool iommufd) {
  const Vm::Gpu& gpu = *vm.gpu;
  const Way* way = find_way(gpu.way);
  if (way == nullptr) {
    return error_of(ErrorCode::Unsupported,
                    {N_("cleave knows no way {way} of sharing a GPU"), {{"way", gpu.way}}});
  }
  const Fact<QemuAbilities> abilities = abilities_of_named(host, vm.qemu);
  const QemuAbilities* qemu = abilities.value();
  return way->guest_device(
      {.sysfs_path = sysfs_path,
       .type_id = type_id,
       .display = gpu.display,
       .opregion = gpu.opregion.value_or(gpu.way == "gvt-g"),
       .opregion_by_default = gpu.way == "gvt-g" && qemu != nullptr && qemu->gives_opregion(),
       .ramfb = TRY(has_ramfb(vm, qemu)),
       .width = gpu.width,
       .height = gpu.height,
       .iommufd = iommufd,
       .rom = gpu.rom});
}

}  // namespace

Result<VgpuChoice> choose_vgpu(const HostReader& host, const VmEnvironment& environment,
                               const Vm& vm) {
  const Vm::Gpu& gpu = *vm.gpu;
  const bool iommufd = TRY(opens_devices(host, environment, vm));
  const auto unless_empty = [](const std::string& text) {
    return text.empty() ? std::optional<std::string>() : std::optional(text);
  };
  const std::optional<std::string> parent = unless_empty(gpu.parent);
  const auto named = [&gpu](const VgpuView& seen) {
    return std::ranges::find(seen.devices, gpu.uuid, &MediatedDevice::uuid);
  };
  VgpuView view = TRY(view_vgpus(host, VgpuDetail::None, parent));
  // Who uses it is asked only of a vGPU that is there: all processes are looked into for that.
  if (named(view) != view.devices.end()) {
    view = TRY(view_vgpus(host, VgpuDetail::Users, parent));
  }
  VgpuChoice choice;
  choice.uuid = gpu.uuid;
  std::string type_id;
  if (const auto there = named(view); there != view.devices.end()) {
    TRY(check_existing(host, environment, gpu, **there, iommufd));
    choice.sysfs_path = (*there)->sysfs_path;
    type_id = (*there)->type_id;
  } else {
    choice.create = TRY(prepare_create(view, {.parent = parent,
                                              .type = unless_empty(gpu.type_id),
                                              .uuid = gpu.uuid,
                                              .owner = environment.owner}));
    choice.sysfs_path = choice.create->sysfs_path;
    type_id = choice.create->request.type_id;
  }
  choice.device = TRY(guest_device(host, vm, choice.sysfs_path, type_id, iommufd));
  return choice;
}

namespace {

// All devices of the host in one plan: what shares an IOMMU group goes together.
Result<HandoverChoice> choose_handover(const HostReader& host, const VmEnvironment& environment,
                                       const Vm& vm, const std::vector<std::string>& force) {
  const Facts facts = read_handover_facts(host);
  HandoverChoice choice;
  if (hands_over_pci(vm)) choice = TRY(choose_pci_devices(host, facts, environment, vm, force));
  UsbChoice usb = TRY(choose_usb_devices(host, facts, environment, vm, force));
  choice.usb_devices = std::move(usb.arguments);
  std::ranges::move(usb.names, std::back_inserter(choice.addresses));
  if (choice.hand_over.empty()) {
    choice.hand_over.purpose = {N_("Hand devices of USB to the VM {vm}"), {{"vm", vm.name}}};
    choice.hand_over.kind = kVmDevicesPlan;
  }
  std::ranges::move(usb.changes, std::back_inserter(choice.hand_over.changes));
  return choice;
}

Result<void> choose_gpu(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                        DeviceChoice& choice) {
  if (vm.gpu->way == virtio_gpu_way().id()) {
    choice.resources = TRY(choose_virtio_gpu(host, environment, vm));
    return {};
  }
  GuestDevice device;
  if (hands_over_pci(*vm.gpu)) {
    device = choice.handover->device;
  } else {
    choice.vgpu = TRY(choose_vgpu(host, environment, vm));
    device = choice.vgpu->device;
  }
  choice.resources.vfio_objects = std::move(device.objects);
  choice.resources.gpu_devices = std::move(device.devices);
  choice.resources.gpu_needs_opengl = device.needs_opengl;
  choice.resources.gpu_replaces_screen = device.replaces_screen;
  return {};
}

}  // namespace

bool hands_over(const Vm& vm) { return hands_over_pci(vm) || hands_over_usb(vm); }

Result<DeviceChoice> choose_devices(const HostReader& host, const VmEnvironment& environment,
                                    const Vm& vm, const std::vector<std::string>& force) {
  DeviceChoice choice;
  if (hands_over(vm)) {
    choice.handover = TRY(choose_handover(host, environment, vm, force));
  }
  if (vm.gpu) TRY(choose_gpu(host, environment, vm, choice));
  if (choice.handover) {
    choice.resources.pci_devices = choice.handover->pci_devices;
    // The same object, which there can be only once.
    if (choice.resources.vfio_objects.empty()) {
      choice.resources.vfio_objects = choice.handover->pci_objects;
    }
    choice.resources.usb_devices = choice.handover->usb_devices;
  }
  return choice;
}

}  // namespace cleave
