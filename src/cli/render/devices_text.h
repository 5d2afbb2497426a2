// The list of `cleave devices` for people: a line for each device, and one for each way to share
// it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "app/devices.h"

namespace cleave {

struct DevicesStyle {
  std::size_t width = 80;  // columns
  bool colour = false;
};

std::string devices_text(const DeviceList& list, const DevicesStyle& style);

// Each device, vGPU, type and virtual function with its state, in the list's order, for --watch.
using DeviceStates = std::vector<std::pair<std::string, std::string>>;
DeviceStates device_states(const ListedDevice& device);
DeviceStates device_states(const DeviceList& list);
DeviceStates device_states(const std::vector<ListedUsb>& devices);

// One device with all that is known of it.
std::string device_text(const ListedDevice& device, const DevicesStyle& style);
std::string usb_devices_text(const std::vector<ListedUsb>& devices, const DevicesStyle& style,
                             bool full);

}  // namespace cleave
