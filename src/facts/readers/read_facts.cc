#include "facts/readers/read_facts.h"

#include <algorithm>

#include "facts/readers/readers.h"

namespace cleave {
namespace {

using Names = std::set<std::string, std::less<>>;

// The modules that rules ask about: what GPUs, KVM and VFIO need, and the drivers that are bound
// to GPUs and to parents of mediated devices.
Names wanted_modules(const Facts& facts) {
  Names names = {"gim",        "i915",
                 "kvm",        "kvm_amd",
                 "kvm_intel",  "kvmgt",
                 "mdev",       "nvidia",
                 "simpledrm",  "nvidia_vgpu_vfio",
                 "vfio",       "vfio_iommu_type1",
                 "vfio_mdev",  "vfio_pci",
                 "virtio_gpu", "xe"};
  const auto add = [&names](const Fact<std::string>& driver) {
    if (!driver.is_known()) return;
    std::string name = *driver.value();
    std::ranges::replace(name, '-', '_');
    names.insert(std::move(name));
  };
  if (const auto* devices = facts.pci_devices.value()) {
    for (const PciDevice& device : *devices) {
      if (device.is_gpu()) add(device.driver);
    }
  }
  if (const auto* parents = facts.mdev_parents.value()) {
    for (const MdevParent& parent : *parents) {
      add(parent.driver);
      // A parent on no bus has no driver link; the type's id starts with the driver's name
      // (drivers/vfio/mdev/mdev_sysfs.c, mdev_type_add).
      if (!parent.driver.is_absent() || parent.types.empty()) continue;
      const std::string& id = parent.types.front().id;
      names.insert(id.substr(0, id.find('-')));
    }
  }
  return names;
}

std::vector<std::string> names_of(const Fact<std::vector<MdevParent>>& parents) {
  std::vector<std::string> names;
  for (const MdevParent& parent : parents.value_or({})) names.push_back(parent.name);
  return names;
}

}  // namespace

Facts read_facts(const HostReader& host, const FactPlaces& places) {
  Facts facts;
  facts.is_live = host.is_live();
  facts.is_root = read_is_root(host);
  facts.cpu = read_cpu(host);
  facts.virtualisation_switch = read_virtualisation_switch(host, facts.cpu);
  facts.kvm = read_kvm(host);
  facts.iommu = read_iommu(host);
  facts.memory_lock = read_memory_lock_limit(host);
  facts.memory_bytes = read_memory_bytes(host);
  facts.product = read_product(host);
  facts.distribution = read_distribution(host);
  facts.render_nodes = read_render_nodes(host);
  facts.drm_cards = read_drm_cards(host);
  facts.platform = read_platform(host);
  facts.boot = read_boot(host);
  facts.qemu = read_qemu(host, places.qemu_answers, places.qemu_builds);
  facts.virtual_machines = read_virtual_machines(host);
  facts.kernel_log = read_kernel_log(host);
  facts.previous_boot_log = read_previous_boot_log(host);
  facts.session = read_session(host);
  facts.user = read_user(host);

  facts.pci_devices = read_pci_devices(host);
  facts.mdev_parents = read_mdev_parents(host);
  facts.mediated_devices = read_mediated_devices(host);
  read_device_users(host, facts);

  facts.kernel = read_running_kernel(host);
  if (const std::string* release = facts.kernel.release.value()) {
    facts.kernel.config = read_kernel_config(host, *release);
  } else {
    facts.kernel.config =
        Unreadable{.path = facts.kernel.release.source(), .why = "no kernel release"};
  }
  facts.gpu_firmware = read_gpu_firmware(host, facts.kernel.release.value_or(""));
  read_modules(host, wanted_modules(facts), facts.kernel);
  return facts;
}

Facts read_vgpu_facts(const HostReader& host, VgpuDetail detail,
                      const std::optional<std::string>& only) {
  Facts facts;
  facts.is_live = host.is_live();
  facts.is_root = read_is_root(host);
  facts.mdev_parents = read_mdev_parents(host, only);
  facts.pci_devices = detail == VgpuDetail::All
                          ? read_pci_devices(host)
                          : read_pci_devices_of(host, names_of(facts.mdev_parents));
  facts.mediated_devices = read_mediated_devices(host);
  if (detail != VgpuDetail::None) read_device_users(host, facts);
  facts.virtual_machines.mdev_definitions = read_mdev_definitions(host);
  return facts;
}

Facts read_device_facts(const HostReader& host) {
  Facts facts = read_vgpu_facts(host);
  if (facts.pci_devices.is_known()) {
    std::vector<PciDevice> devices = *facts.pci_devices.value();
    read_pci_names(host, devices, PciNames::OfAll);
    facts.pci_devices = {std::move(devices), facts.pci_devices.source()};
  }
  facts.drm_cards = read_drm_cards(host);
  facts.host_uses = read_host_uses(host);
  facts.usb_devices = read_usb_devices(host);
  return facts;
}

}  // namespace cleave
