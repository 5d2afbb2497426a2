#include "analysis/guest_use.h"

#include <algorithm>

#include "analysis/explain/log_messages/message.h"
#include "analysis/intel_gpu.h"
#include "base/text.h"
#include "facts/kernel_log.h"

namespace cleave {
namespace {

const PciDevice* device_at(const Facts& facts, const PciAddress& address) {
  const auto* devices = facts.pci_devices.value();
  if (devices == nullptr) return nullptr;
  const auto found = std::ranges::find(*devices, address, &PciDevice::address);
  return found == devices->end() ? nullptr : &*found;
}

// Where the vGPU of that UUID is, or shall be made.
std::optional<std::string> parent_of_uuid(const Facts& facts, std::string_view uuid) {
  if (const auto* devices = facts.mediated_devices.value()) {
    const auto found = std::ranges::find(*devices, uuid, &MediatedDevice::uuid);
    if (found != devices->end()) return found->parent;
  }
  if (const auto* defined = facts.virtual_machines.mdev_definitions.value()) {
    const auto found = std::ranges::find(*defined, uuid, &MdevDefinition::uuid);
    if (found != defined->end()) return found->parent;
  }
  return std::nullopt;
}

bool could_have_vgpus(const Facts& facts, const PciDevice& gpu) {
  if (const auto* parents = facts.mdev_parents.value()) {
    return std::ranges::find(*parents, std::optional(gpu.address), &MdevParent::pci) !=
           parents->end();
  }
  const IntelGpu* known = gpu.vendor_id == kIntelVendorId ? find_intel_gpu(gpu.device_id) : nullptr;
  return known != nullptr && known->gvt_g;
}

// A vGPU that is nowhere yet: it is this GPU's if only this one has any.
bool is_only_parent(const Facts& facts, const PciDevice& gpu) {
  if (!could_have_vgpus(facts, gpu)) return false;
  return std::ranges::count_if(*facts.pci_devices.value(), [&](const PciDevice& other) {
           return other.is_gpu() && could_have_vgpus(facts, other);
         }) == 1;
}

bool is_vgpu_of(const Facts& facts, const PciDevice& gpu, const HostDevice& device) {
  if (device.parent) return *device.parent == gpu.address;
  if (const auto parent = parent_of_uuid(facts, device.uuid)) {
    return *parent == to_text(gpu.address);
  }
  return is_only_parent(facts, gpu);
}

bool is_function_of(const Facts& facts, const PciDevice& gpu, const PciAddress& address) {
  if (const PciDevice* there = device_at(facts, address)) {
    return there->physical_function == gpu.address;
  }
  // Functions that are not made yet: those of Intel's integrated GPUs follow in the same slot
  // (i915-sriov-dkms: 00:02.1 to 00:02.7).
  PciAddress first = address;
  first.function = 0;
  return gpu.vendor_id == kIntelVendorId && address.function != 0 && first == gpu.address;
}

std::optional<GuestShare> share_of(const Facts& facts, const PciDevice& gpu,
                                   const HostDevice& device) {
  if (device.is_mediated()) {
    return is_vgpu_of(facts, gpu, device) ? std::optional(GuestShare::Vgpu) : std::nullopt;
  }
  if (!device.host) return std::nullopt;
  if (*device.host == gpu.address) {
    return gpu.is_virtual_function ? GuestShare::Function : GuestShare::Whole;
  }
  return is_function_of(facts, gpu, *device.host) ? std::optional(GuestShare::Function)
                                                  : std::nullopt;
}

// What the program itself answered, if it was asked.
std::optional<Version> version_of_program(const Facts& facts, std::string_view path) {
  const auto* programs = facts.qemu.programs.value();
  if (programs == nullptr) return std::nullopt;
  for (const QemuProgram& program : *programs) {
    if (program.path != path && program.identity.path != path) continue;
    const QemuAbilities* abilities = program.abilities.value();
    if (abilities != nullptr) return abilities->version;
  }
  return std::nullopt;
}

const LogMatcher& qemu_matcher() {
  static const LogMatcher kMatcher([] {
    std::vector<const LogMessage*> all;
    for (const LogMessage& message : qemu_messages()) all.push_back(&message);
    return all;
  }());
  return kMatcher;
}

}  // namespace

std::vector<GuestUse> guests_of(const Facts& facts, const PciDevice& gpu) {
  std::vector<GuestUse> uses;
  const auto* machines = facts.virtual_machines.machines.value();
  if (machines == nullptr || !facts.pci_devices.is_known()) return uses;
  if (gpu.is_virtual_function && gpu.physical_function) return uses;
  for (const VirtualMachine& machine : *machines) {
    const GuestSettings* settings = machine.settings.value();
    if (settings == nullptr) continue;
    for (const HostDevice& device : settings->devices) {
      const auto share = share_of(facts, gpu, device);
      if (share) uses.push_back({&machine, settings, &device, *share});
    }
  }
  return uses;
}

const char* source_name(VmSource source) {
  switch (source) {
    case VmSource::Process:
      return "process";
    case VmSource::Libvirt:
      return "libvirt";
    case VmSource::Proxmox:
      return "proxmox";
  }
  return "process";
}

std::string device_name(const HostDevice& device) {
  if (!device.uuid.empty()) return device.uuid;
  if (!device.mdev_type.empty()) return device.mdev_type;
  return device.host ? to_text(*device.host) : "?";
}

std::optional<bool> QemuBounds::is_at_least(Version version) const {
  if (exact) return *exact >= version;
  if (at_least && *at_least >= version) return true;
  return std::nullopt;
}

QemuBounds qemu_bounds(const Facts& facts, const GuestUse& use) {
  QemuBounds bounds;
  bounds.exact = use.machine->qemu_version;
  if (!bounds.exact) bounds.exact = version_of_program(facts, use.machine->program);
  // "pc-q35-10.0", "pc-i440fx-8.1+pve0": a QEMU knows no machine of a later one.
  const std::string_view type = use.settings->machine;
  const std::size_t hyphen = type.rfind('-');
  if (hyphen != std::string_view::npos) {
    bounds.at_least = parse_package_version(type.substr(hyphen + 1));
  }
  return bounds;
}

std::optional<std::string> last_said(const VirtualMachine& machine,
                                     std::initializer_list<std::string_view> ids) {
  const std::string* said = machine.said.value();
  if (said == nullptr) return std::nullopt;
  std::optional<std::string> last;
  KernelLogReader reader(*said);
  while (const auto line = reader.next()) {
    const auto match = qemu_matcher().match(line->text);
    if (!match) continue;
    const bool wanted = ids.size() == 0 ? match->message->severity == Severity::Problem
                                        : std::ranges::find(ids, match->message->id) != ids.end();
    if (wanted) last = printable(line->text.substr(match->at));
  }
  return last;
}

std::string known_messages(std::string_view said) {
  std::string kept;
  KernelLogReader reader(said);
  while (const auto line = reader.next()) {
    if (const auto match = qemu_matcher().match(line->text)) {
      kept.append(line->text.substr(match->at)).append("\n");
    }
  }
  return kept;
}

}  // namespace cleave
