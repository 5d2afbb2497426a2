// PCI devices as sysfs shows them (/sys/bus/pci/devices).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/fact.h"
#include "facts/pci_config.h"

namespace cleave {

// domain:bus:device.function. The domain has four digits or more: software buses (VMD, the
// laptop's) get domains above ffff, see drivers/pci/controller/vmd.c.
struct PciAddress {
  std::uint32_t domain = 0;
  std::uint8_t bus = 0;
  std::uint8_t device = 0;    // 0 to 31
  std::uint8_t function = 0;  // 0 to 7

  auto operator<=>(const PciAddress&) const = default;
};

// "0000:00:02.0", "10000:00:02.0"; the short "00:02.0" means domain 0. Empty if it is neither.
std::optional<PciAddress> parse_pci_address(std::string_view text);
std::string to_text(const PciAddress& address);  // always with the domain

// One line of the `resource` attribute.
struct PciRegion {
  std::uint64_t start = 0;
  std::uint64_t end = 0;    // inclusive; 0 with start 0 means unused
  std::uint64_t flags = 0;  // IORESOURCE_*, include/linux/ioport.h

  [[nodiscard]] std::uint64_t size() const { return end > start ? end - start + 1 : 0; }  // bytes
  bool operator==(const PciRegion&) const = default;
};

// A vGPU type that NVIDIA's driver would make on a virtual function now.
struct NvidiaVgpuType {
  std::uint32_t id = 0;  // what is written to current_vgpu_type
  std::string name;      // "NVIDIA L40S-12Q"

  bool operator==(const NvidiaVgpuType&) const = default;
};

// The attribute creatable_vgpu_types: one type a line, "1428 : NVIDIA H200X-141C". Lines of another
// form (a heading) are passed over; of more than 256 types the rest is left out.
std::vector<NvidiaVgpuType> parse_nvidia_vgpu_types(std::string_view text);

// Where a physical function's virtual functions are, or will be: the kernel computes it for the
// number there is now (drivers/pci/iov.c), and Intel's and NVMe's do not move with the number.
struct VirtualFunctionLayout {
  std::uint32_t offset = 0;  // of the first one, in routing ids
  std::uint32_t stride = 0;  // from one to the next
  std::uint16_t device_id = 0;

  bool operator==(const VirtualFunctionLayout&) const = default;
};

// A process that has the device's VFIO group, or the device itself, open.
struct DeviceUser {
  std::uint32_t process_id = 0;
  std::string command;  // /proc/PID/comm
  // When the process began, in seconds since 1970; nothing tells when it opened the device.
  std::optional<std::uint64_t> since = std::nullopt;
  std::string vm = {};  // the VM that it runs, and that has the device since then; empty: not known

  bool operator==(const DeviceUser&) const = default;
};

struct PciDevice {
  PciAddress address;
  std::string sysfs_path;  // /sys/bus/pci/devices/ADDRESS
  std::uint16_t vendor_id = 0;
  std::uint16_t device_id = 0;
  std::uint32_t class_code = 0;  // 24 bits: base class, subclass, interface
  // The bridges above it from the root bus down, then itself; only itself if sysfs does not tell.
  std::vector<PciAddress> path;
  Fact<std::string> driver;         // absent: no driver is bound
  Fact<std::uint32_t> iommu_group;  // absent: the kernel put it into none
  // Absent: no SR-IOV capability that the kernel knows of. The hardware's number until the driver
  // sets its own.
  Fact<std::uint32_t> sriov_total_vfs;
  // The rest of SR-IOV is read where sriov_total_vfs is known.
  Fact<std::uint32_t> sriov_num_vfs;  // how many there are now
  Fact<VirtualFunctionLayout> sriov_layout;
  Fact<bool> sriov_drivers_autoprobe;  // the host's drivers take functions as they are made
  bool is_virtual_function = false;    // it has a physfn link
  std::optional<PciAddress> physical_function;  // where that link leads
  // Of NVIDIA's virtual functions (vendor-specific VFIO, kernels from 6.8 on): what is on it now, 0
  // for nothing, and what could be. Absent: the driver has no such attributes.
  Fact<std::uint32_t> nvidia_vgpu_type;
  Fact<std::vector<NvidiaVgpuType>> nvidia_vgpu_types;
  std::vector<DeviceUser> users;  // through VFIO, seen with the rights at hand
  bool users_complete = true;     // false: some processes could not be looked into

  // The rest is read of GPUs only.
  Fact<bool> boot_display;          // boot_vga: the firmware's console is on it
  Fact<std::string> reset_methods;  // "flr bus"; absent: it cannot be reset
  Fact<PciConfig> config;
  std::uint16_t subsystem_vendor_id = 0;
  std::uint16_t subsystem_device_id = 0;
  std::uint8_t revision = 0;
  std::vector<PciRegion> regions;
  std::optional<std::string> vendor_name;  // from pci.ids, if that file is there
  std::optional<std::string> device_name;

  // Base class 03h, display controller (PCI Code and ID Assignment Specification 1.11). AMD's
  // accelerators without a display are of class 1200h, "processing accelerator", and amdgpu drives
  // every one of them (pciidlist, drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c); other vendors' are
  // NPUs.
  [[nodiscard]] bool is_gpu() const {
    return class_code >> 16U == 0x03 || (vendor_id == 0x1002 && class_code >> 8U == 0x1200);
  }
  // Base class 06h, bridges of every kind: they stay with the host whoever has what is behind them.
  [[nodiscard]] bool is_bridge() const { return class_code >> 16U == 0x06; }
};

// The address of virtual function `index` (from 0) of a physical function.
PciAddress virtual_function_address(const PciAddress& physical_function,
                                    const VirtualFunctionLayout& layout, std::uint32_t index);

}  // namespace cleave
