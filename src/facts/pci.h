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
  bool is_virtual_function = false;             // it has a physfn link
  std::optional<PciAddress> physical_function;  // where that link points

  // The rest is read of GPUs only.
  Fact<std::uint32_t> sriov_num_vfs;  // how many there are now
  Fact<bool> boot_display;            // boot_vga: the firmware's console is on it
  Fact<std::string> reset_methods;    // "flr bus"; absent: it cannot be reset
  Fact<PciConfig> config;
  std::uint16_t subsystem_vendor_id = 0;
  std::uint16_t subsystem_device_id = 0;
  std::uint8_t revision = 0;
  std::vector<PciRegion> regions;
  std::optional<std::string> vendor_name;  // from pci.ids, if that file is there
  std::optional<std::string> device_name;

  // Base class 03h, display controller (PCI Code and ID Assignment Specification 1.11).
  [[nodiscard]] bool is_gpu() const { return class_code >> 16U == 0x03; }
  // Base class 06h, bridges of every kind: they stay with the host whoever has what is behind them.
  [[nodiscard]] bool is_bridge() const { return class_code >> 16U == 0x06; }
};

}  // namespace cleave
