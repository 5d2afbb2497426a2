// /sys/bus/pci/devices. Attributes: Documentation/ABI/testing/sysfs-bus-pci.
#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

const std::string kDevices = "/sys/bus/pci/devices";

template <std::unsigned_integral Unsigned>
Result<Unsigned> read_id(const HostReader& host, const PciDevice& device, std::string_view name) {
  const std::string path = join_path(device.sysfs_path, name);
  const std::string text = TRY(host.read_file(path));
  if (const auto id = parse_hexadecimal<Unsigned>(trim(text))) return *id;
  return system_error(EINVAL, Message(N_("Could not read {path}"), {{"path", path}}), path);
}

// What tells more of a GPU, but not whether it is one: 0 where it is not there, as in captures that
// were put together by hand.
template <std::unsigned_integral Unsigned>
Unsigned read_detail(const HostReader& host, const PciDevice& device, std::string_view name) {
  return read_id<Unsigned>(host, device, name).value_or(0);
}

// One line each: start, end, flags.
std::vector<PciRegion> parse_regions(std::string_view text) {
  std::vector<PciRegion> regions;
  for (const std::string_view line : lines(text)) {
    const auto columns = words(line);
    if (columns.size() != 3) break;
    const auto start = parse_hexadecimal<std::uint64_t>(columns[0]);
    const auto end = parse_hexadecimal<std::uint64_t>(columns[1]);
    const auto flags = parse_hexadecimal<std::uint64_t>(columns[2]);
    if (!start || !end || !flags) break;
    regions.push_back({.start = *start, .end = *end, .flags = *flags});
  }
  return regions;
}

// /sys/bus/pci/devices/ADDRESS leads to …/pci0000:00/0000:00:1c.0/0000:01:00.0.
std::vector<PciAddress> read_path(const HostReader& host, const PciDevice& device) {
  std::vector<PciAddress> path;
  const auto target = host.read_link(device.sysfs_path);
  if (target) {
    for (const std::string_view part : split(*target, '/')) {
      if (const auto address = parse_pci_address(part)) path.push_back(*address);
    }
  }
  if (path.empty() || path.back() != device.address) return {device.address};
  return path;
}

Fact<bool> read_flag(const HostReader& host, const std::string& path) {
  const auto number = read_number_fact(host, path);
  if (number.unreadable() != nullptr) return *number.unreadable();
  if (number.is_absent()) return {Absent{}, path};
  return {*number.value() != 0, path};
}

Fact<PciConfig> read_config(const HostReader& host, const std::string& path) {
  const auto bytes = host.read_file(path);
  if (!bytes) return fact_from_error<PciConfig>(bytes.error(), path);
  return {parse_pci_config(*bytes), path};
}

Fact<VirtualFunctionLayout> read_layout(const HostReader& host, const PciDevice& device) {
  const auto offset = read_number_fact(host, join_path(device.sysfs_path, "sriov_offset"));
  const auto stride = read_number_fact(host, join_path(device.sysfs_path, "sriov_stride"));
  for (const auto* number : {&offset, &stride}) {
    if (number->unreadable() != nullptr) return *number->unreadable();
    if (number->is_absent()) return {Absent{}, number->source()};
  }
  // Written without "0x" (sriov_vf_device_show, drivers/pci/iov.c).
  const std::string path = join_path(device.sysfs_path, "sriov_vf_device");
  const auto text = host.read_file(path);
  if (!text) return fact_from_error<VirtualFunctionLayout>(text.error(), path);
  const auto id = parse_hexadecimal<std::uint16_t>(trim(*text));
  if (!id) return Unreadable{.path = path, .why = "no number"};
  return {{.offset = *offset.value(), .stride = *stride.value(), .device_id = *id}, path};
}

void read_physical_function(const HostReader& host, PciDevice& device) {
  if (!device.sriov_total_vfs.is_known()) return;
  device.sriov_num_vfs = read_number_fact(host, join_path(device.sysfs_path, "sriov_numvfs"));
  device.sriov_layout = read_layout(host, device);
  device.sriov_drivers_autoprobe =
      read_flag(host, join_path(device.sysfs_path, "sriov_drivers_autoprobe"));
}

constexpr std::uint16_t kNvidiaVendorId = 0x10DE;

// NVIDIA's attributes: https://docs.nvidia.com/vgpu ("Creating a vGPU on a Linux with KVM
// hypervisor that uses a vendor-specific VFIO framework").
void read_virtual_function(const HostReader& host, PciDevice& device) {
  const std::string link = join_path(device.sysfs_path, "physfn");
  device.is_virtual_function = host.status(link).has_value();
  if (!device.is_virtual_function) return;
  if (const auto target = host.read_link(link)) {
    device.physical_function = parse_pci_address(base_name(*target));
  }
  if (device.vendor_id != kNvidiaVendorId) return;
  const std::string nvidia = join_path(device.sysfs_path, "nvidia");
  device.nvidia_vgpu_type = read_number_fact(host, join_path(nvidia, "current_vgpu_type"));
  const std::string path = join_path(nvidia, "creatable_vgpu_types");
  const auto text = host.read_file(path);
  if (text) {
    device.nvidia_vgpu_types = {parse_nvidia_vgpu_types(*text), path};
  } else {
    device.nvidia_vgpu_types = fact_from_error<std::vector<NvidiaVgpuType>>(text.error(), path);
  }
}

Result<PciDevice> read_device(const HostReader& host, const std::string& name,
                              const PciAddress& address) {
  PciDevice device;
  device.address = address;
  device.sysfs_path = join_path(kDevices, name);
  device.vendor_id = TRY(read_id<std::uint16_t>(host, device, "vendor"));
  device.device_id = TRY(read_id<std::uint16_t>(host, device, "device"));
  device.class_code = TRY(read_id<std::uint32_t>(host, device, "class"));
  device.path = read_path(host, device);
  device.driver = read_link_name_fact(host, join_path(device.sysfs_path, "driver"));
  device.iommu_group = read_link_number_fact(host, join_path(device.sysfs_path, "iommu_group"));
  device.sriov_total_vfs = read_number_fact(host, join_path(device.sysfs_path, "sriov_totalvfs"));
  read_physical_function(host, device);
  read_virtual_function(host, device);
  // Of the rest a machine has hundreds, and only that of GPUs is asked for.
  if (!device.is_gpu() || device.physical_function) return device;
  device.subsystem_vendor_id = read_detail<std::uint16_t>(host, device, "subsystem_vendor");
  device.subsystem_device_id = read_detail<std::uint16_t>(host, device, "subsystem_device");
  device.revision = read_detail<std::uint8_t>(host, device, "revision");
  const auto regions = host.read_file(join_path(device.sysfs_path, "resource"));
  if (regions) device.regions = parse_regions(*regions);
  device.boot_display = read_flag(host, join_path(device.sysfs_path, "boot_vga"));
  device.reset_methods = read_text_fact(host, join_path(device.sysfs_path, "reset_method"));
  device.config = read_config(host, join_path(device.sysfs_path, "config"));
  return device;
}

}  // namespace

Fact<std::vector<PciDevice>> read_pci_devices(const HostReader& host) {
  const auto names = read_names_fact(host, kDevices, "/sys/bus");
  if (names.unreadable() != nullptr) return *names.unreadable();
  if (names.is_absent()) return {Absent{}, kDevices};
  const auto found = read_pci_devices_of(host, *names.value());
  if (!found.is_known()) return found;
  std::vector<PciDevice> devices = *found.value();
  read_pci_names(host, devices);
  return {std::move(devices), kDevices};
}

Fact<std::vector<PciDevice>> read_pci_devices_of(const HostReader& host,
                                                 const std::vector<std::string>& names) {
  using Devices = std::vector<PciDevice>;
  Devices devices;
  for (const std::string& name : names) {
    const auto address = parse_pci_address(name);
    if (!address) continue;
    auto device = read_device(host, name, *address);
    if (device) {
      devices.push_back(std::move(*device));
    } else if (device.error().code != ErrorCode::NotFound) {
      // One device that cannot be known may be the GPU that all is about.
      return fact_from_error<Devices>(device.error(), device.error().path);
    }  // else it was unplugged between the listing and now
  }
  std::ranges::sort(devices, {}, &PciDevice::address);
  return {std::move(devices), kDevices};
}

}  // namespace cleave
