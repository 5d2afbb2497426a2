#include "exports/host_devices.h"

namespace cleave {
namespace {

void add_devices(const std::vector<std::string>& values, bool is_gpu,
                 std::vector<PassedDevice>& devices) {
  for (const std::string& value : values) {
    PassedDevice device;
    device.options = split_options(value, "driver");
    device.is_gpu = is_gpu;
    if (!is_vfio_driver(value_of(device.options, "driver"))) continue;
    device.pci = parse_pci_address(value_of(device.options, "host"));
    if (!device.pci) device.uuid = last_part(value_of(device.options, "sysfsdev"));
    devices.push_back(std::move(device));
  }
}

}  // namespace

bool PassedDevice::is_on(std::string_view option) const {
  return parse_switch(value_of(options, option)).value_or(false);
}

std::vector<PassedDevice> passed_devices(const ExportHost& host) {
  std::vector<PassedDevice> devices;
  add_devices(host.resources.gpu_devices, true, devices);
  add_devices(host.resources.pci_devices, false, devices);
  return devices;
}

}  // namespace cleave
