// The use case of `cleave devices`: every device that a VM could get, whole or as a share, by which
// way, who has it, and what is free.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/capacity.h"
#include "analysis/device_safety.h"
#include "base/result.h"
#include "facts/facts.h"
#include "host/host.h"

namespace cleave {

enum class DeviceKind : std::uint8_t {
  Gpu,
  Accelerator,
  Disk,
  Network,
  Usb,
  Sound,
  Other,  // only what is shared or stands ready for VMs: mtty, a device of vfio-pci
};
const char* device_kind_name(DeviceKind kind);  // "gpu", "disk", …

// Whether a VM could have it now.
enum class DeviceState : std::uint8_t {
  Free,
  Used,       // a process has it open through VFIO
  InUse,      // the host uses it, or shares of it exist; a person can end that
  Unknown,    // what uses it could not be seen
  Essential,  // the host cannot do without it
};
const char* device_state_name(DeviceState state);  // "free", "used", "in-use", …
DeviceState state_of(DeviceSafety safety);         // of what no process has

struct DeviceReason {
  PciAddress device;  // whose: the device itself, or one that goes along with it
  SafetyReason reason;
};

// A PCI device as a whole, or a virtual function: what becomes of it for a VM.
struct WholeDevice {
  const PciDevice* pci = nullptr;
  DeviceState state = DeviceState::Unknown;
  std::vector<DeviceReason> reasons;    // worst first; of all that goes along
  std::vector<const PciDevice*> group;  // what goes along: analysis/device_safety.h
  bool has_group = false;               // false: no VM can have it whole
  std::vector<DeviceUser> users;        // of all that goes along
  bool users_complete = true;
};

struct SharedVgpu {
  const MediatedDevice* device = nullptr;
  DeviceState state = DeviceState::Unknown;  // Free, Used or Unknown
};

struct ListedDevice {
  DeviceKind kind = DeviceKind::Other;
  std::string address;               // of a device on another bus its name: "mtty"
  std::optional<WholeDevice> whole;  // empty: on no PCI bus
  const MdevParent* parent = nullptr;
  Capacity capacity;              // of the parent
  std::vector<SharedVgpu> vgpus;  // of the parent
  std::vector<WholeDevice> functions;
  std::vector<std::string> ways;  // "gvt-g", "mdev", "sr-iov", "passthrough"
};

// A single device of USB, which a VM can have while the controller stays the host's.
struct ListedUsb {
  const UsbDevice* usb = nullptr;
  DeviceState state = DeviceState::Unknown;
  std::vector<SafetyReason> reasons;  // worst first
  std::vector<DeviceUser> users;      // the VM that has reserved it
  bool claimed = false;               // some program talks to it by itself
  std::string definition;             // "usb = \"046d:c52b\"": its line of a [[device]]
};

// Points into its own facts.
struct DeviceList {
  std::unique_ptr<const Facts> facts;
  std::vector<ListedDevice> devices;  // GPUs first, then by kind and address
  // By port; without hubs, which stay with the host. Empty, too, where they could not be read
  // (facts->usb_devices).
  std::vector<ListedUsb> usb;
};

// Denied or Io if the PCI devices could not be read.
Result<DeviceList> list_devices(const HostReader& host);

// Virtual functions that a VM could have: those that exist and are free, and those that could still
// be made. Empty if the device has none.
std::optional<std::uint32_t> free_functions(const ListedDevice& device);

// By address (short or long) or name; null if it is not in the list.
const ListedDevice* find_device(const DeviceList& list, const std::string& name);

// devices_usb.cc
std::vector<ListedUsb> list_usb_devices(const HostReader& host, const Facts& facts);
// By port, or all with these ids.
std::vector<ListedUsb> find_usb_devices(const DeviceList& list, const std::string& name);

}  // namespace cleave
