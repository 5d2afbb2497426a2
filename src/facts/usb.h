// USB devices as sysfs shows them (/sys/bus/usb/devices). Host controllers are PCI devices
// (facts/pci.h); their root hubs are left out here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "facts/fact.h"

namespace cleave {

struct UsbInterface {
  std::string name;             // "1-2.3:1.0", as in sysfs
  std::uint8_t class_code = 0;  // USB Defined Class Codes: 03h is HID, 08h mass storage
  Fact<std::string> driver;     // absent: no driver is bound; "usbfs": a program has it

  bool operator==(const UsbInterface&) const = default;
};

struct UsbDevice {
  std::string port;        // "1-2.3": bus, then the ports down to it; its name in sysfs
  std::string sysfs_path;  // /sys/bus/usb/devices/1-2.3
  std::uint32_t bus = 0;
  std::uint32_t number = 0;  // on its bus; another one after each plugging
  std::uint16_t vendor_id = 0;
  std::uint16_t product_id = 0;
  std::uint8_t class_code = 0;  // 00h: each interface has its own
  std::string manufacturer;     // as the device tells; may be empty
  std::string product;
  std::vector<UsbInterface> interfaces;  // of the configuration that is set

  // A hub stays with the host, as bridges do: what is plugged into it can be given. QEMU passes
  // hubs over, too (hw/usb/host-libusb.c).
  [[nodiscard]] bool is_hub() const { return class_code == 0x09; }
  bool operator==(const UsbDevice&) const = default;
};

// "/dev/bus/usb/001/004"
std::string usb_node(const UsbDevice& device);
// "046d:c52b"
std::string usb_ids(const UsbDevice& device);

// Whether the text is a name as above: "1-2", "1-2.3", not "usb1" and not "1-2:1.0".
bool is_usb_port(std::string_view text);

// The USB devices in a path of sysfs, from the host controller down.
std::vector<std::string> usb_devices_in_path(std::string_view path);

}  // namespace cleave
