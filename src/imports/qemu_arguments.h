// QEMU's arguments while they are read: which of them have a counterpart. Only for imports/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "facts/qemu_options.h"
#include "imports/importing.h"

namespace cleave {

struct QemuArgument {
  std::string option;  // without its hyphen
  std::string value;   // empty: it takes none
  std::size_t line = 0;
  bool known = true;
  std::size_t first = 0;  // of the words
  std::size_t last = 0;
  bool taken = false;  // has a counterpart, or its loss was told

  void take() { taken = true; }
};

struct QemuArguments {
  std::vector<QemuArgument> all;
  bool no_card = false;  // -vga none
};

// All: whatever has a counterpart. WithoutElement: what libvirt's XML cannot say (NVMe, forwarded
// ports, sound over virtio).
enum class QemuDevices : std::uint8_t { All, WithoutElement };

// Devices with the drives, networks and channels behind them.
void read_qemu_devices(QemuArguments& arguments, Draft& draft, QemuDevices which);

}  // namespace cleave
