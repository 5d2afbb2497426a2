// A laptop whose GPU offers vGPUs of two types, as GVT-g does; and a parent that is no GPU.
#pragma once

#include <string>

#include "unit/apply/mdev_machine.h"

namespace cleave::testing {

inline const std::string kGpu = "/sys/devices/pci0000:00/0000:00:02.0";

inline const MdevMachine kSmall{
    .parent_path = kGpu,
    .type_id = "i915-GVTg_V5_8",
    .instances = 2,
    .description =
        "low_gm_size: 64MB\nhigh_gm_size: 384MB\nfence: 4\nresolution: 1024x768\nweight: 2\n"};
inline const MdevMachine kLarge{
    .parent_path = kGpu,
    .type_id = "i915-GVTg_V5_4",
    .instances = 1,
    .description =
        "low_gm_size: 128MB\nhigh_gm_size: 512MB\nfence: 4\nresolution: 1920x1200\nweight: 4\n"};
inline const MdevMachine kSerial{.parent_path = "/sys/devices/virtual/mtty/mtty",
                                 .type_id = "mtty-1",
                                 .instances = 24,
                                 .description = ""};

inline void add_gpu(MemoryHost& host) {
  host.add_file(kGpu + "/vendor", "0x8086\n");
  host.add_file(kGpu + "/device", "0x9b41\n");
  host.add_file(kGpu + "/subsystem_vendor", "0x144d\n");
  host.add_file(kGpu + "/subsystem_device", "0xc18a\n");
  host.add_file(kGpu + "/revision", "0x02\n");
  host.add_file(kGpu + "/class", "0x030000\n");
  // BAR 0 of 16 MiB, BAR 2 of 256 MiB: a laptop's usual aperture.
  host.add_file(kGpu + "/resource",
                "0x00000000cf000000 0x00000000cfffffff 0x0000000000140204\n"
                "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
                "0x00000000a0000000 0x00000000afffffff 0x000000000014220c\n");
  host.add_directory("/sys/bus/pci/drivers/i915");
  host.add_link(kGpu + "/driver", "../../../bus/pci/drivers/i915");
  host.add_link("/sys/bus/pci/devices/0000:00:02.0", "../../../devices/pci0000:00/0000:00:02.0");
  host.add_link("/sys/class/mdev_bus/0000:00:02.0", "../../devices/pci0000:00/0000:00:02.0");
  kSmall.add_to(host);
  kLarge.add_to(host);
}

inline void add_serial(MemoryHost& host) {
  host.add_link("/sys/class/mdev_bus/mtty", "../../devices/virtual/mtty/mtty");
  kSerial.add_to(host);
}

inline MemoryHost laptop() {
  MemoryHost host;
  host.add_directory("/sys/class");
  host.add_directory("/var/lib");
  host.add_file("/proc/1/comm", "init\n");
  host.add_directory("/proc/1/fd");
  add_gpu(host);
  return host;
}

}  // namespace cleave::testing
