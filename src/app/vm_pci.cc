#include "app/vm_pci.h"

#include <algorithm>
#include <optional>
#include <ranges>
#include <utility>

#include "analysis/device_safety.h"
#include "analysis/intel_gpu.h"
#include "app/qemu.h"
#include "app/vgpu_choice.h"
#include "app/vm_iommufd.h"
#include "app/vm_reservations.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "run/reservation.h"
#include "ways/vfio_device.h"
#include "ways/ways.h"

namespace cleave {
namespace {

constexpr std::uint16_t kNvidiaVendorId = 0x10DE;

using Devices = std::vector<const PciDevice*>;

std::string list_of(const Devices& devices) {
  std::vector<std::string> names;
  for (const PciDevice* device : devices) names.push_back(to_text(device->address));
  return names.empty() ? "-" : join(names, ", ");
}

Devices devices_that(const Facts& facts, bool (*are)(const PciDevice&)) {
  Devices found;
  if (const auto* all = facts.pci_devices.value()) {
    for (const PciDevice& device : *all) {
      if (are(device)) found.push_back(&device);
    }
  }
  return found;
}

bool has_functions(const PciDevice& device) { return device.sriov_total_vfs.value_or(0) > 0; }
bool is_whole_gpu(const PciDevice& device) {
  return device.is_gpu() && !device.is_virtual_function;
}

Result<const PciDevice*> named_device(const Facts& facts, const std::string& name) {
  const auto address = parse_pci_address(name);
  if (!address) {
    return error_of(ErrorCode::Malformed,
                    {N_("“{device}” is no address of a PCI device; one looks like 0000:01:00.0."),
                     {{"device", printable(name)}}},
                    {N_("“cleave devices” lists them.")});
  }
  if (const PciDevice* device = find_pci_device(facts, *address)) return device;
  return error_of(ErrorCode::NotFound,
                  {N_("There is no PCI device {device}."), {{"device", to_text(*address)}}},
                  {N_("“cleave devices” lists them.")});
}

// The only one of `candidates`, which the definition left open.
Result<const PciDevice*> only_one(const Devices& candidates, const char* key, Message none) {
  if (candidates.empty()) return error_of(ErrorCode::Unsupported, std::move(none));
  if (candidates.size() == 1) return candidates.front();
  return error_of(ErrorCode::Malformed,
                  {N_("There are several devices that could be meant: {devices}"),
                   {{"devices", list_of(candidates)}}},
                  {N_("Name one in the definition: {key} = \"{device}\""),
                   {{"key", key}, {"device", to_text(candidates.front()->address)}}});
}

Result<const PciDevice*> physical_function(const Facts& facts, const Vm::Gpu& gpu) {
  if (!gpu.parent.empty()) return named_device(facts, gpu.parent);
  Devices candidates = devices_that(facts, has_functions);
  Devices gpus = candidates;
  std::erase_if(gpus, [](const PciDevice* device) { return !device->is_gpu(); });
  if (!gpus.empty()) candidates = std::move(gpus);
  return only_one(candidates, "parent",
                  {N_("No device of this machine can have virtual functions.")});
}

bool is_free(const PciDevice& function) {
  const std::string driver = function.driver.value_or("");
  if (!driver.empty() && !serves_vfio(driver)) return false;
  if (!function.users.empty()) return false;
  return !reserved_by(kReservationDirectory, to_text(function.address));
}

Error all_taken(const PciDevice& parent, const Devices& functions) {
  Error error = error_of(
      ErrorCode::Busy,
      {N_("All {count} virtual functions of {device} are taken."),
       {{"count", functions.size()}, {"device", to_text(parent.address)}}},
      {N_("End a VM that has one, or make more: their number can be changed only once there are "
          "none (sudo cleave vgpu remove {device}, then cleave vgpu create --parent {device} "
          "--functions N)."),
       {{"device", to_text(parent.address)}}});
  for (const PciDevice* function : functions) {
    const auto by = reserved_by(kReservationDirectory, to_text(function->address));
    error.context.emplace_back(
        by ? N_("{device}: the VM {user}") : N_("{device}: {user}"),
        std::vector<Field>{{"device", to_text(function->address)},
                           {"user", by ? printable(by->vm) : function->driver.value_or("-")}});
  }
  return error;
}

// What the choice is about: the device, which may not exist yet, and its plan.
struct Chosen {
  PciDevice device;
  Plan functions;
  bool is_one_of_many = false;  // it was free, and another would do as well
};

Result<Chosen> choose_function(const Facts& facts, const Vm::Gpu& gpu) {
  if (!gpu.device.empty()) {
    return Chosen{.device = *TRY(named_device(facts, gpu.device)), .functions = {}};
  }
  const PciDevice* parent = TRY(physical_function(facts, gpu));
  if (parent->vendor_id == kNvidiaVendorId) {
    return error_of(ErrorCode::Unsupported,
                    {N_("NVIDIA's virtual functions get a type from NVIDIA's own software; cleave "
                        "does not choose one.")},
                    {N_("Write the type's number into the function's nvidia/current_vgpu_type, "
                        "then name the function in the definition: device = \"ADDRESS\".")});
  }
  Devices functions = virtual_functions_of(facts, *parent);
  if (functions.empty()) {
    Chosen chosen;
    chosen.functions = TRY(make_functions(*parent, 1));
    chosen.functions.kind = kVmFunctionsPlan;
    chosen.device = future_function(*parent, 0);
    return chosen;
  }
  // What vfio-pci has already needs no root.
  std::ranges::stable_partition(functions, [](const PciDevice* function) {
    return serves_vfio(function->driver.value_or(""));
  });
  const auto free =
      std::ranges::find_if(functions, [](const PciDevice* function) { return is_free(*function); });
  if (free == functions.end()) return all_taken(*parent, functions);
  return Chosen{.device = **free, .functions = {}, .is_one_of_many = true};
}

Result<Chosen> choose_whole(const Facts& facts, const Vm::Gpu& gpu) {
  const std::string& name = gpu.device.empty() ? gpu.parent : gpu.device;
  const PciDevice* device =
      name.empty() ? TRY(only_one(devices_that(facts, is_whole_gpu), "device",
                                  {N_("This machine has no GPU that could be handed over.")}))
                   : TRY(named_device(facts, name));
  return Chosen{.device = *device, .functions = {}};
}

Result<void> check_users(const Devices& devices) {
  for (const PciDevice* device : devices) {
    const std::string address = to_text(device->address);
    const auto by = reserved_by(kReservationDirectory, address);
    if (by) return reservation_taken(address, by);
    if (device->users.empty()) continue;
    return error_of(ErrorCode::Busy, {N_("{device} is in use by process {process} ({command})."),
                                      {{"device", to_text(device->address)},
                                       {"process", device->users.front().process_id},
                                       {"command", printable(device->users.front().command)}}});
  }
  return {};
}

// What vfio-pci has is not the host's any more, whatever it was before; what no driver has is of no
// use to it.
Result<void> check_safety(const Facts& facts, const Devices& devices,
                          const std::vector<std::string>& force) {
  for (const PciDevice* device : devices) {
    const std::string driver = device->driver.value_or("");
    if (driver.empty() || serves_vfio(driver)) continue;
    const DeviceSafetyReport report = device_safety(facts, *device);
    const std::string address = to_text(device->address);
    const bool forced = std::ranges::find(force, address) != force.end();
    if (report.safety == DeviceSafety::Free || forced) continue;
    Error error =
        error_of(ErrorCode::Conflict,
                 {N_("The host would lose {device}, and it is not sure that it can do without."),
                  {{"device", address}}},
                 {N_("If you know better: --force {device}"), {{"device", address}}});
    for (const SafetyReason& reason : report.reasons) error.context.push_back(reason.text);
    return error;
  }
  return {};
}

void add_owners(const VmEnvironment& environment, const Devices& devices, bool iommufd,
                Plan& plan) {
  for (const PciDevice* device : devices) {
    ChangeOwner owner = node_owner(device->sysfs_path, iommufd);
    owner.user = environment.owner.uid;
    owner.group = environment.owner.gid;
    Change change;
    change.id = "device.give-node";
    change.summary = {N_("Let the user {user} open {device} in /dev/vfio"),
                      {{"user", environment.owner.name}, {"device", to_text(device->address)}}};
    change.reason = {N_("So that the virtual machine does not have to run as root.")};
    change.effect = std::move(owner);
    plan.changes.push_back(std::move(change));
  }
}

// For a user whom nobody hands anything: what there is must be open to them.
Result<void> check_access(const HostReader& host, const VmEnvironment& environment,
                          const PciDevice& device, bool iommufd) {
  const std::string node = vfio_node(host, device.sysfs_path, device.iommu_group, iommufd);
  if (node.empty()) return {};
  const Result<bool> usable = host.may_access(node, Access::ReadWrite);
  if (usable && *usable) return {};
  Error error = error_of(
      ErrorCode::Denied,
      {N_("The user {user} may not open {device} ({path})"),
       {{"user", environment.owner.name}, {"device", to_text(device.address)}, {"path", node}}},
      {N_("Start the VM with sudo, which hands it to that user; or let “cleave setup” give the "
          "group kvm the right to it for good.")});
  error.path = node;
  return error;
}

Error only_root_hands_over(const PciDevice& device) {
  return error_of(
      ErrorCode::Denied,
      {N_("{device} is not with vfio-pci, and only root can give it there."),
       {{"device", to_text(device.address)}}},
      {N_("Start the VM with sudo; or let it be so at every start of the machine: “cleave setup "
          "--way passthrough”, or “cleave vgpu define” for virtual functions.")});
}

// The device of [gpu], and what a VM gets with it.
struct GpuPart {
  Chosen chosen;  // what `devices` may point to
  Devices devices;
};

Result<void> choose_gpu_part(const Facts& facts, const Vm& vm, GpuPart& part) {
  const Vm::Gpu& gpu = *vm.gpu;
  const Way* way = find_way(gpu.way);
  if (way == nullptr) {
    return error_of(ErrorCode::Unsupported,
                    {N_("cleave knows no way {way} of sharing a GPU"), {{"way", gpu.way}}});
  }
  part.chosen =
      gpu.way == "sr-iov" ? TRY(choose_function(facts, gpu)) : TRY(choose_whole(facts, gpu));
  if (gpu.primary) TRY(may_be_primary(part.chosen.device, vm.machine));
  part.devices = TRY(way->gives(facts, part.chosen.device));
  return {};
}

GuestDevice gpu_guest_device(const HostReader& host, const Vm& vm, const Devices& devices,
                             bool iommufd) {
  const Fact<QemuAbilities> qemu = abilities_of_named(host, vm.qemu);
  Attachment attachment;
  attachment.opregion = vm.gpu->opregion.value_or(true);
  if (const QemuAbilities* abilities = qemu.value()) {
    attachment.opregion_by_default = abilities->gives_opregion();
    attachment.legacy_mode_off = vm.machine == "pc" && vm.firmware.uefi &&
                                 abilities->property("vfio-pci", "x-igd-legacy-mode") != nullptr;
  }
  attachment.iommufd = iommufd;
  attachment.machine = vm.machine;
  attachment.rom = vm.gpu->rom;
  attachment.primary = vm.gpu->primary;
  for (const PciDevice* device : devices) attachment.functions.push_back(device->address);
  return find_way(vm.gpu->way)->guest_device(attachment);
}

bool has(const Devices& devices, const PciDevice& device) {
  return std::ranges::any_of(
      devices, [&](const PciDevice* other) { return other->address == device.address; });
}

// Of a graphics card all of its functions; what the VM has already is left out.
Result<Devices> given_with(const Facts& facts, const PciDevice& device, const Devices& had) {
  if (device.is_gpu() && device.vendor_id == kIntelVendorId &&
      device.address == PciAddress{0, 0, 2, 0}) {
    return error_of(ErrorCode::Unsupported,
                    {N_("{device} is this machine's integrated GPU, which QEMU treats in a way of "
                        "its own."),
                     {{"device", to_text(device.address)}}},
                    {N_("Name it under [gpu] with way = \"passthrough\".")});
  }
  Devices given = TRY(passthrough_way().gives(facts, device));
  std::erase_if(given, [&](const PciDevice* one) { return has(had, *one); });
  return given;
}

// The devices of [[device]], in their order. `had`: those of [gpu].
Result<Devices> choose_further(const Facts& facts, const Vm& vm, Devices had, bool iommufd,
                               HandoverChoice& choice) {
  Devices further;
  std::uint32_t place = 0;
  for (const Vm::Device& wanted : vm.devices) {
    ++place;
    if (wanted.pci.empty()) continue;
    const PciDevice* device = TRY(named_device(facts, wanted.pci));
    const Devices given = TRY(given_with(facts, *device, had));
    if (given.empty()) continue;
    Attachment attachment;
    attachment.iommufd = iommufd;
    attachment.machine = vm.machine;
    attachment.rom = wanted.rom;
    attachment.place = place;
    for (const PciDevice* one : given) {
      attachment.functions.push_back(one->address);
      had.push_back(one);
      further.push_back(one);
    }
    GuestDevice guest = passthrough_way().guest_device(attachment);
    std::ranges::move(guest.devices, std::back_inserter(choice.pci_devices));
    choice.pci_objects = std::move(guest.objects);
  }
  return further;
}

// The function that is yet to be made has no group: nothing goes along with it.
Result<Plan> plan_for(const Facts& facts, const Chosen& chosen, HandedOver what) {
  PciDevice made = chosen.device;
  if (!chosen.functions.empty()) {
    made.iommu_group = {0U, made.sysfs_path};
    what.devices.front() = &made;
  }
  Plan plan = TRY(hand_over(facts, what));
  plan.kind = kVmDevicesPlan;
  return plan;
}

// What a user without root is told, unless all is there for them.
Result<void> check_without_root(const HostReader& host, const VmEnvironment& environment,
                                const Devices& devices, bool iommufd,
                                const HandoverChoice& choice) {
  const auto unbound = std::ranges::find_if(
      devices, [](const PciDevice* device) { return !serves_vfio(device->driver.value_or("")); });
  if (!choice.functions.empty() || !choice.hand_over.empty()) {
    return only_root_hands_over(unbound == devices.end() ? *devices.front() : **unbound);
  }
  for (const PciDevice* device : devices) TRY(check_access(host, environment, *device, iommufd));
  return {};
}

}  // namespace

bool hands_over_pci(const Vm::Gpu& gpu) { return gpu.way == "sr-iov" || gpu.way == "passthrough"; }

bool hands_over_pci(const Vm& vm) {
  return (vm.gpu && hands_over_pci(*vm.gpu)) ||
         std::ranges::any_of(vm.devices,
                             [](const Vm::Device& device) { return !device.pci.empty(); });
}

Facts read_handover_facts(const HostReader& host) {
  Facts facts = read_device_facts(host);
  // Of all modules only this one counts, which is there if its driver is.
  facts.kernel.modules["vfio_pci"].loaded = host.exists("/sys/bus/pci/drivers/vfio-pci");
  return facts;
}

Result<HandoverChoice> choose_pci_devices(const HostReader& host, const Facts& facts,
                                          const VmEnvironment& environment, const Vm& vm,
                                          const std::vector<std::string>& force) {
  HandoverChoice choice;
  const bool iommufd = TRY(opens_devices(host, environment, vm));
  GpuPart gpu;
  if (vm.gpu && hands_over_pci(*vm.gpu)) {
    TRY(choose_gpu_part(facts, vm, gpu));
    choice.functions = gpu.chosen.functions;
    choice.device = gpu_guest_device(host, vm, gpu.devices, iommufd);
  }
  const Devices further = TRY(choose_further(facts, vm, gpu.devices, iommufd, choice));
  Devices all = gpu.devices;
  all.insert(all.end(), further.begin(), further.end());
  const HandedOver what = with_groups(facts, all);
  // Who takes such a function now is met when it is reserved, and then another is chosen.
  Devices asked = what.devices;
  std::erase_if(asked, [&](const PciDevice* device) {
    return gpu.chosen.is_one_of_many && device->address == gpu.chosen.device.address;
  });
  TRY(check_users(asked));
  // A function is made for VMs; what is in its group may be anything.
  if (vm.gpu && vm.gpu->way == "passthrough") TRY(check_safety(facts, gpu.devices, force));
  TRY(check_safety(facts, further, force));
  TRY(check_safety(facts, what.others, force));
  choice.hand_over = TRY(plan_for(facts, gpu.chosen, what));
  if (host.user_id() == 0) {
    add_owners(environment, what.devices, iommufd, choice.hand_over);
  } else {
    TRY(check_without_root(host, environment, what.devices, iommufd, choice));
  }
  for (const PciDevice* device : what.devices) {
    choice.addresses.push_back(to_text(device->address));
  }
  for (const PciDevice* other : what.others) choice.addresses.push_back(to_text(other->address));
  return choice;
}

Result<void> HandedOverDevices::apply(const Plan& plan,
                                      const std::function<void(const Plan&)>& show_plan) {
  if (plan.empty()) return {};
  if (show_plan) show_plan(plan);
  const ApplyReport report = TRY(transactions_.apply(plan));
  if (report.transaction != 0) done_.push_back(report.transaction);
  return {};
}

Result<void> HandedOverDevices::prepare(Supervisor& supervisor, const VmEnvironment& environment,
                                        const Vm& vm, const HandoverChoice& choice,
                                        const std::function<void(const Plan&)>& show_plan) {
  TRY(reserve_devices(supervisor, environment, vm.name, choice.addresses));
  reserved_ = true;
  TRY(supervisor.keep(choice.addresses));
  TRY(transactions_.recover());
  TRY(apply(choice.functions, show_plan));
  return apply(choice.hand_over, show_plan);
}

Result<void> HandedOverDevices::take_back() {
  for (const std::uint32_t transaction : done_ | std::views::reverse) {
    TRY(transactions_.undo(transaction));
  }
  return {};
}

}  // namespace cleave
