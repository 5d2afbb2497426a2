// PCI devices in memory that are bound to drivers as the kernel does it (drivers/base/bus.c,
// drivers/pci/pci-driver.c).
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "base/text.h"
#include "host/memory_host.h"

namespace cleave::testing {

struct PciMachineDevice {
  std::string address;  // "0000:01:00.0"
  std::uint16_t vendor_id = 0;
  std::uint16_t device_id = 0;
  std::string driver = {};           // that has it at first; empty: none
  std::string driver_override = {};  // at first
  int group = -1;                    // of the IOMMU; none below 0: vfio-pci does not take it
  std::uint32_t class_code = 0x010802;
};

class PciMachine {
 public:
  explicit PciMachine(std::vector<PciMachineDevice> devices) : devices_(std::move(devices)) {}

  // `drivers`: those that are loaded, beside vfio-pci and those that have a device.
  void add_to(MemoryHost& host, const std::vector<std::string>& drivers = {}) const {
    add_driver(host, "vfio-pci");
    for (const std::string& driver : drivers) add_driver(host, driver);
    host.add_file("/sys/bus/pci/drivers_probe", "", 0200);
    host.on_write("/sys/bus/pci/drivers_probe",
                  [machine = *this](MemoryHost& written, std::string_view address) {
                    return machine.probe(written, address);
                  });
    for (const PciMachineDevice& device : devices_) add(host, device);
  }

 private:
  static std::string path_of(std::string_view address) {
    return format("/sys/bus/pci/devices/{}", std::string(address));
  }
  static std::string driver_path(std::string_view driver) {
    return format("/sys/bus/pci/drivers/{}", std::string(driver));
  }

  void add_driver(MemoryHost& host, const std::string& driver) const {
    const std::string path = driver_path(driver);
    if (host.exists(path)) return;
    host.add_file(path + "/bind", "", 0200);
    host.on_write(path + "/bind",
                  [machine = *this, driver](MemoryHost& written, std::string_view address) {
                    return machine.bind(written, std::string(address), driver);
                  });
    host.add_file(path + "/unbind", "", 0200);
    host.on_write(path + "/unbind", [driver](MemoryHost& written, std::string_view address) {
      const auto link = written.read_link(path_of(address) + "/driver");
      if (!link || base_name(*link) != driver) return ENODEV;
      written.forget(path_of(address) + "/driver");
      return 0;
    });
  }

  void add(MemoryHost& host, const PciMachineDevice& device) const {
    const std::string path = path_of(device.address);
    host.add_file(path + "/vendor", format("{:#06x}\n", device.vendor_id));
    host.add_file(path + "/device", format("{:#06x}\n", device.device_id));
    host.add_file(path + "/class", format("{:#08x}\n", device.class_code));
    host.add_file(path + "/driver_override", override_text(device.driver_override));
    host.on_write(path + "/driver_override", [path](MemoryHost& written, std::string_view value) {
      written.add_file(path + "/driver_override", override_text(trim(value)));
      return 0;
    });
    if (device.group >= 0) {
      host.add_link(path + "/iommu_group", format("../../kernel/iommu_groups/{}", device.group));
    }
    if (device.driver.empty()) return;
    add_driver(host, device.driver);
    host.add_link(path + "/driver", driver_path(device.driver));
  }

  static std::string override_text(std::string_view driver) {
    return driver.empty() ? "(null)\n" : std::string(driver) + "\n";
  }

  [[nodiscard]] const PciMachineDevice* find(std::string_view address) const {
    for (const PciMachineDevice& device : devices_) {
      if (device.address == address) return &device;
    }
    return nullptr;
  }

  // A driver takes a device that it was named for, or whose first driver it was.
  [[nodiscard]] int bind(MemoryHost& host, const std::string& address,
                         const std::string& driver) const {
    const PciMachineDevice* device = find(address);
    const std::string path = path_of(address);
    if (device == nullptr || !host.exists(path)) return ENODEV;
    if (host.exists(path + "/driver")) return EBUSY;
    const std::string wanted(trim(*host.read_file(path + "/driver_override")));
    const bool fits = wanted == "(null)" ? driver == device->driver : driver == wanted;
    if (!fits) return ENODEV;
    if (driver == "vfio-pci" && device->group < 0) return EINVAL;
    host.add_link(path + "/driver", driver_path(driver));
    return 0;
  }

  [[nodiscard]] int probe(MemoryHost& host, std::string_view address) const {
    const PciMachineDevice* device = find(address);
    if (device == nullptr) return ENODEV;
    const std::string path = path_of(address);
    if (host.exists(path + "/driver")) return 0;
    const std::string wanted(trim(*host.read_file(path + "/driver_override")));
    const std::string driver = wanted == "(null)" ? device->driver : wanted;
    if (driver.empty() || !host.exists(driver_path(driver))) return 0;
    const int refused = bind(host, device->address, driver);
    return refused == ENODEV ? 0 : refused;
  }

  std::vector<PciMachineDevice> devices_;
};

}  // namespace cleave::testing
