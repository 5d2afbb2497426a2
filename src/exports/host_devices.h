// The devices of the host that a VM gets, taken from the arguments that QEMU is given.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exports/export_format.h"
#include "facts/pci.h"
#include "facts/qemu_options.h"

namespace cleave {

struct PassedDevice {
  QemuOptions options;            // all of them, "driver" first
  std::string uuid;               // of a mediated device; empty: another kind
  std::optional<PciAddress> pci;  // of a PCI device
  bool is_gpu = false;            // the device of [gpu], not one of [[device]]

  [[nodiscard]] bool is_on(std::string_view option) const;
};

// Mediated and PCI devices, in the order of the command line: that of [gpu] first.
std::vector<PassedDevice> passed_devices(const ExportHost& host);

}  // namespace cleave
