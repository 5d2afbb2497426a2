// /sys/bus/usb/devices. Attributes: Documentation/ABI/stable/sysfs-bus-usb, testing/sysfs-bus-usb.
#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

const std::string kDevices = "/sys/bus/usb/devices";
constexpr std::size_t kMostDevices = 4096;

template <std::unsigned_integral Unsigned>
Result<Unsigned> read_value(const HostReader& host, const std::string& directory,
                            const char* attribute, int base) {
  const std::string path = join_path(directory, attribute);
  const std::string text = TRY(host.read_file(path));
  if (const auto value = parse_unsigned<Unsigned>(trim(text), base)) return *value;
  return system_error(EINVAL, Message(N_("Could not read {path}"), {{"path", path}}), path);
}

// The names of the interfaces: "1-2.3:1.0" below "1-2.3".
Result<std::vector<UsbInterface>> read_interfaces(const HostReader& host, const UsbDevice& device) {
  std::vector<UsbInterface> interfaces;
  for (const std::string& name : TRY(host.list_directory(device.sysfs_path))) {
    if (!name.starts_with(device.port + ":")) continue;
    const std::string path = join_path(device.sysfs_path, name);
    UsbInterface interface;
    interface.name = name;
    interface.class_code = TRY(read_value<std::uint8_t>(host, path, "bInterfaceClass", 16));
    interface.driver = read_link_name_fact(host, join_path(path, "driver"));
    interfaces.push_back(std::move(interface));
  }
  return interfaces;
}

Result<UsbDevice> read_device(const HostReader& host, const std::string& port) {
  UsbDevice device;
  device.port = port;
  device.sysfs_path = join_path(kDevices, port);
  const std::string& path = device.sysfs_path;
  device.bus = TRY(read_value<std::uint32_t>(host, path, "busnum", 10));
  device.number = TRY(read_value<std::uint32_t>(host, path, "devnum", 10));
  device.vendor_id = TRY(read_value<std::uint16_t>(host, path, "idVendor", 16));
  device.product_id = TRY(read_value<std::uint16_t>(host, path, "idProduct", 16));
  device.class_code = TRY(read_value<std::uint8_t>(host, path, "bDeviceClass", 16));
  device.manufacturer = read_text_fact(host, join_path(path, "manufacturer")).value_or("");
  device.product = read_text_fact(host, join_path(path, "product")).value_or("");
  device.interfaces = TRY(read_interfaces(host, device));
  return device;
}

}  // namespace

Fact<std::vector<UsbDevice>> read_usb_devices(const HostReader& host) {
  using Devices = std::vector<UsbDevice>;
  const auto names = host.list_directory(kDevices);
  if (!names) return fact_from_error<Devices>(names.error(), kDevices);
  Devices devices;
  for (const std::string& name : *names) {
    if (!is_usb_port(name) || devices.size() >= kMostDevices) continue;
    const auto device = read_device(host, name);
    // It was unplugged at this moment.
    if (!device && device.error().code == ErrorCode::NotFound) continue;
    if (!device) return Unreadable{.path = device.error().path, .why = why(device.error())};
    devices.push_back(*device);
  }
  return {std::move(devices), kDevices};
}

}  // namespace cleave
