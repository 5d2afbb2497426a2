// The list of `cleave devices` for programs: cleave.devices/1.
#pragma once

#include "app/devices.h"
#include "base/json.h"

namespace cleave {

Json devices_json(const DeviceList& list);
Json device_json(const ListedDevice& device);
Json usb_devices_json(const std::vector<ListedUsb>& devices);

}  // namespace cleave
