#include "ways/vfio_device.h"

#include <algorithm>

#include "analysis/device_safety.h"
#include "analysis/intel_gpu.h"
#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr const char* kVfioPci = "vfio-pci";
constexpr PciAddress kIntegratedGraphics{.domain = 0, .bus = 0, .device = 2, .function = 0};

std::string name_of(const PciDevice& device) {
  const std::string address = to_text(device.address);
  return device.device_name ? format("{} ({})", address, printable(*device.device_name)) : address;
}

bool contains(const std::vector<const PciDevice*>& devices, const PciDevice& device) {
  return std::ranges::any_of(
      devices, [&](const PciDevice* other) { return other->address == device.address; });
}

Error refused(const PciDevice& device, Message message, Message remedy) {
  message.fields.emplace_back("device", name_of(device));
  remedy.fields.emplace_back("device", name_of(device));
  Error error = error_of(ErrorCode::Unsupported, std::move(message), std::move(remedy));
  error.path = device.sysfs_path;
  return error;
}

Result<void> may_leave(const PciDevice& device) {
  if (device.is_bridge()) {
    return refused(
        device, {N_("{device} is a bridge: what is behind it can be handed over, it cannot.")}, {});
  }
  if (const Unreadable* unread = device.iommu_group.unreadable()) {
    return refused(
        device,
        {N_("The IOMMU group of {device} could not be read: {why}"), {{"why", unread->why}}}, {});
  }
  if (device.sriov_num_vfs.value_or(0) > 0) {
    Error error = refused(device,
                          {N_("{device} has virtual functions, which would go with it; it stays "
                              "with the host.")},
                          {N_("Remove them first: sudo cleave vgpu remove {address}"),
                           {{"address", to_text(device.address)}}});
    error.code = ErrorCode::Busy;
    return error;
  }
  return {};
}

// A device in no group cannot be had by any VM: it would reach the host's memory.
Result<void> may_be_guests(const PciDevice& device) {
  TRY(may_leave(device));
  if (device.iommu_group.is_known()) return {};
  return refused(device,
                 {N_("{device} is in no IOMMU group: the IOMMU is off, or leaves this device out, "
                     "and without it a guest could write into the host's memory.")},
                 {N_("“cleave doctor” tells what keeps the IOMMU off; “cleave setup --way "
                     "passthrough” switches it on where it can.")});
}

Change bind_change(const PciDevice& device, Message reason) {
  BindDriver bind;
  bind.device = device.sysfs_path;
  bind.driver = kVfioPci;
  bind.vendor_id = device.vendor_id;
  bind.device_id = device.device_id;
  const std::string driver = device.driver.value_or("");
  Change change;
  change.id = "device.bind";
  change.summary = {N_("Give {device} to vfio-pci"), {{"device", name_of(device)}}};
  if (!driver.empty()) {
    change.summary = {N_("Take {device} from {driver} and give it to vfio-pci"),
                      {{"device", name_of(device)}, {"driver", driver}}};
  }
  change.reason = std::move(reason);
  change.effect = std::move(bind);
  return change;
}

Change load_change() {
  Change change;
  change.id = "modules.load";
  change.summary = {N_("Load the module {module}"), {{"module", kVfioPci}}};
  change.reason = {N_("It hands devices to virtual machines.")};
  change.effect = RunCommand{.argv = {"modprobe", kVfioPci}, .undo_argv = {}, .limit_seconds = 60};
  return change;
}

bool needs_binding(const PciDevice& device) { return !serves_vfio(device.driver.value_or("")); }

// Of the rest of a group only what a driver has must leave; pci-stub is allowed beside vfio-pci
// (vfio_dev_viable and its successors, drivers/vfio/group.c; drivers/iommu/iommu.c).
bool must_leave(const PciDevice& device) {
  const std::string driver = device.driver.value_or("");
  return !driver.empty() && driver != "pci-stub" && needs_binding(device);
}

Change attribute_change(const char* id, Message summary, Message reason, std::string path,
                        std::string value, std::string undo_value) {
  WriteAttribute write;
  write.path = std::move(path);
  write.value = std::move(value);
  if (!undo_value.empty()) {
    write.undo_path = write.path;
    write.undo_value = std::move(undo_value);
  }
  Change change;
  change.id = id;
  change.summary = std::move(summary);
  change.reason = std::move(reason);
  change.effect = std::move(write);
  return change;
}

Result<std::uint32_t> number_of_functions(const PciDevice& device) {
  const std::uint32_t* total = device.sriov_total_vfs.value();
  const std::uint32_t* now = device.sriov_num_vfs.value();
  if (total == nullptr || *total == 0 || now == nullptr) {
    return refused(device, {N_("{device} cannot have virtual functions.")},
                   {N_("“cleave devices” shows which devices can.")});
  }
  return *now;
}

Message functions_summary(const PciDevice& device, std::uint32_t count) {
  return {N_("Make virtual functions of {device}: {count}"),
          {{"count", count}, {"device", name_of(device)}}};
}

Result<void> may_make(const PciDevice& device, std::uint32_t count, std::uint32_t now) {
  const std::uint32_t total = device.sriov_total_vfs.value_or(0);
  if (count == 0 || count > total) {
    Error error =
        refused(device,
                {N_("{device} can have from 1 to {total} virtual functions, not {count}."),
                 {{"total", total}, {"count", count}}},
                {});
    error.code = ErrorCode::Malformed;
    return error;
  }
  if (now != 0) {
    Error error = refused(
        device,
        {N_("{device} has {now} virtual functions; another number can be made only once there are "
            "none."),
         {{"now", now}}},
        {N_("Remove them first: sudo cleave vgpu remove {address}"),
         {{"address", to_text(device.address)}}});
    error.code = ErrorCode::Busy;
    return error;
  }
  if (!device.driver.is_known()) {
    return refused(device,
                   {N_("{device} has no driver, and only its driver can make virtual functions.")},
                   {N_("Load its driver; “cleave doctor” tells which.")});
  }
  if (device.driver.value_or("") != kVfioPci) return {};
  return refused(device,
                 {N_("{device} is with vfio-pci for a VM, and only its own driver can make virtual "
                     "functions.")},
                 {N_("End the VM that has it, or give it back to its driver.")});
}

}  // namespace

bool serves_vfio(const std::string& driver) {
  // "mlx5_vfio_pci", "hisi-acc-vfio-pci", "nvgrace-gpu-vfio-pci", "xe-vfio-pci", "qat_vfio_pci".
  return driver.ends_with("vfio-pci") || driver.ends_with("vfio_pci");
}

HandedOver with_groups(const Facts& facts, std::vector<const PciDevice*> devices) {
  HandedOver what{.devices = std::move(devices), .others = {}};
  for (const PciDevice* device : what.devices) {
    for (const PciDevice* other : group_members(facts, *device)) {
      if (contains(what.devices, *other) || contains(what.others, *other)) continue;
      what.others.push_back(other);
    }
  }
  return what;
}

Result<Plan> hand_over(const Facts& facts, const HandedOver& what) {
  Plan plan;
  plan.purpose = {N_("Hand {device} to a virtual machine"),
                  {{"device", name_of(*what.devices.front())}}};
  for (const PciDevice* device : what.devices) {
    TRY(may_be_guests(*device));
    if (needs_binding(*device)) {
      plan.changes.push_back(bind_change(*device, {N_("The VM has it as its own device.")}));
    }
  }
  for (const PciDevice* other : what.others) {
    if (!must_leave(*other)) continue;
    TRY(may_leave(*other));
    plan.changes.push_back(
        bind_change(*other, {N_("It is in the same IOMMU group, which a VM gets as a whole: the "
                                "host cannot use it until the VM has ended.")}));
  }
  const bool there =
      facts.kernel.module("vfio_pci").loaded || facts.kernel.module("vfio_pci").built_in;
  if (!plan.empty() && !there) plan.changes.insert(plan.changes.begin(), load_change());
  return plan;
}

PciDevice future_function(const PciDevice& physical_function, std::uint32_t index) {
  const auto layout = physical_function.sriov_layout.value_or({});
  PciDevice function;
  function.address = virtual_function_address(physical_function.address, layout, index);
  function.sysfs_path = "/sys/bus/pci/devices/" + to_text(function.address);
  function.vendor_id = physical_function.vendor_id;
  function.device_id = layout.device_id;
  function.class_code = physical_function.class_code;
  function.is_virtual_function = true;
  function.physical_function = physical_function.address;
  return function;
}

std::vector<const PciDevice*> virtual_functions_of(const Facts& facts,
                                                   const PciDevice& physical_function) {
  std::vector<const PciDevice*> found;
  const auto* all = facts.pci_devices.value();
  if (all == nullptr) return found;
  for (const PciDevice& device : *all) {
    if (device.physical_function == physical_function.address) found.push_back(&device);
  }
  return found;
}

Result<Plan> make_functions(const PciDevice& physical_function, std::uint32_t count,
                            const FunctionAttributes& attributes) {
  const PciDevice& device = physical_function;
  const std::uint32_t now = TRY(number_of_functions(device));
  Plan plan;
  plan.purpose = functions_summary(device, count);
  if (now == count && count != 0) return plan;
  TRY(may_make(device, count, now));
  if (device.sriov_drivers_autoprobe.value_or(false)) {
    plan.changes.push_back(attribute_change(
        "functions.unbound",
        {N_("Keep the host's drivers off new functions of {device}"),
         {{"device", name_of(device)}}},
        {N_("They would take each function as soon as it is made, and a desktop that finds one "
            "driven can crash.")},
        device.sysfs_path + "/sriov_drivers_autoprobe", "0", "1"));
  }
  for (const auto& [name, value] : attributes) {
    plan.changes.push_back(attribute_change(
        "functions.attribute",
        {N_("Set {name} to {value}"), {{"name", printable(name)}, {"value", printable(value)}}},
        {N_("The definition says so.")}, device.sysfs_path + "/" + name, value, ""));
  }
  plan.changes.push_back(attribute_change(
      "functions.make", functions_summary(device, count),
      {N_("Each is a device of its own that a VM can have. While there are any, the device stays "
          "awake, which costs power.")},
      device.sysfs_path + "/sriov_numvfs", std::to_string(count), "0"));
  return plan;
}

Result<Plan> remove_functions(const PciDevice& physical_function) {
  const PciDevice& device = physical_function;
  const std::uint32_t now = TRY(number_of_functions(device));
  Plan plan;
  plan.purpose = {N_("Remove the virtual functions of {device}"), {{"device", name_of(device)}}};
  if (now == 0) return plan;
  plan.changes.push_back(attribute_change("functions.remove", plan.purpose,
                                          {N_("No VM uses one of them.")},
                                          device.sysfs_path + "/sriov_numvfs", "0", ""));
  return plan;
}

Result<void> may_be_primary(const PciDevice& device, const std::string& machine) {
  // The kernel hands out VGA ranges of VGA controllers alone (vfio_pci_is_vga,
  // include/linux/vfio_pci_core.h).
  constexpr std::uint32_t kVgaController = 0x0300;
  if (device.class_code >> 8U != kVgaController) {
    return refused(device,
                   {N_("{device} is no VGA controller, so it cannot be the guest's first screen.")},
                   {N_("Leave out primary = true; the guest's own driver shows its picture.")});
  }
  // QEMU's legacy mode for integrated graphics wants the machine pc (docs/igd-assign.txt).
  if (device.vendor_id != kIntelVendorId || device.address != kIntegratedGraphics ||
      machine == "pc") {
    return {};
  }
  return refused(device,
                 {N_("{device} is an integrated GPU: QEMU makes it the first screen on the machine "
                     "pc alone.")},
                 {N_("Write machine = \"pc\", or leave out primary = true.")});
}

Result<bool> uses_iommufd(const Fact<bool>& groups, const Fact<QemuAbilities>& qemu) {
  if (groups.value_or(true)) return false;
  const QemuAbilities* abilities = qemu.value();
  if (abilities == nullptr || abilities->has_iommufd()) return true;
  return error_of(
      ErrorCode::Unsupported,
      {N_("This kernel has no groups of VFIO: a VM opens its devices through {path}, which QEMU "
          "{version} cannot."),
       {{"path", kIommufdNode}, {"version", to_text(abilities->version)}}},
      {N_("Install QEMU 9.0 or newer, built with iommufd; or start a kernel that has "
          "CONFIG_VFIO_GROUP, as those of distributions do.")});
}

ChangeOwner node_owner(const std::string& sysfs_path, bool iommufd) {
  // udev makes the node a moment after the device is bound, or made; a busy machine gets more.
  ChangeOwner owner;
  owner.path = iommufd ? kVfioDeviceNodes : "/dev/vfio";
  owner.named_by = sysfs_path + (iommufd ? "/vfio-dev" : "/iommu_group");
  owner.wait_milliseconds = kMaximumWaitMilliseconds;
  return owner;
}

std::string opregion_option(const Attachment& attachment) {
  if (attachment.opregion) return ",x-igd-opregion=on";
  return attachment.opregion_by_default ? ",x-igd-opregion=off" : "";
}

GuestDevice vfio_guest_device(const Attachment& attachment) {
  // The kernel's drivers and Windows' want PCI Express devices behind a port (QEMU's
  // docs/pcie.txt); integrated graphics are at 00:02.0 of the root bus, where their drivers and
  // firmware look for them (QEMU's docs/igd-assign.txt).
  const std::string name =
      attachment.place == 0 ? "cleave-gpu" : format("cleave-device{}", attachment.place);
  const bool integrated = attachment.functions.front() == kIntegratedGraphics;
  const bool port = attachment.machine == "q35" && !integrated;
  GuestDevice guest;
  // An emulated card would answer in the same VGA ranges.
  guest.replaces_screen = integrated || attachment.primary;
  if (attachment.iommufd) guest.objects = {kIommufdObject};
  // Numbers of chassis that nothing else uses: QEMU counts up from 0.
  constexpr std::uint32_t kFirstChassis = 200;
  if (port) {
    guest.devices.push_back(
        format("pcie-root-port,id={},chassis={}", name, kFirstChassis + attachment.place));
  }
  for (const PciAddress& function : attachment.functions) {
    const bool first = function == attachment.functions.front();
    std::string device = "vfio-pci,host=" + to_text(function);
    if (port) device += format(",bus={},addr=0.{}", name, first ? 0 : +function.function);
    if (integrated) device += ",addr=2.0";
    if (port && first && attachment.functions.size() > 1) device += ",multifunction=on";
    if (first && attachment.primary) device += ",x-vga=on";
    if (integrated) device += opregion_option(attachment);
    if (integrated && attachment.legacy_mode_off) device += ",x-igd-legacy-mode=off";
    if (attachment.iommufd) device += kIommufdProperty;
    if (first && !attachment.rom.empty()) {
      device += ",romfile=" + replace_all(attachment.rom, ",", ",,");
    }
    guest.devices.push_back(std::move(device));
  }
  return guest;
}

}  // namespace cleave
