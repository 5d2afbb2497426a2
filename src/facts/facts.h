// Everything that was read from one machine. Plain data: no I/O happens behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "facts/boot.h"
#include "facts/dmar.h"
#include "facts/fact.h"
#include "facts/firmware_files.h"
#include "facts/host_use.h"
#include "facts/iommu_registers.h"
#include "facts/ivrs.h"
#include "facts/kernel.h"
#include "facts/mdev.h"
#include "facts/pci.h"
#include "facts/platform.h"
#include "facts/qemu.h"
#include "facts/session.h"
#include "facts/usb.h"
#include "facts/virtual_machines.h"
#include "facts/virtualisation_switch.h"

namespace cleave {

struct CpuFacts {
  std::string vendor;  // "GenuineIntel"
  std::string model;   // "Intel(R) Core(TM) i5-10210U CPU @ 1.60GHz"
  std::uint32_t family = 0;
  std::uint32_t model_number = 0;
  bool vmx = false;
  bool svm = false;
  bool hypervisor = false;  // this machine is itself a virtual one
  std::uint32_t threads = 0;
  std::uint32_t physical_address_bits = 0;  // "address sizes"; 0: not told
};

struct KvmFacts {
  Fact<bool> node;        // known true: /dev/kvm is a device node
  Fact<bool> accessible;  // the user may open it for reading and writing
  NodeAccess rights;      // of the node, if it is there
};

struct IommuFacts {
  Fact<std::vector<std::string>> units;  // /sys/class/iommu: "dmar0", "ivhd0"
  std::vector<IommuUnit> registers;      // one per unit, in the same order
  Fact<bool> dmar_table;                 // known true: /sys/firmware/acpi/tables/DMAR is there
  Fact<bool> ivrs_table;
  Fact<DmarTable> dmar;  // what the table says: for root only
  Fact<IvrsTable> ivrs;
  Fact<std::uint32_t> groups;  // how many IOMMU groups exist
};

// Bytes; empty optional: unlimited.
struct MemoryLockLimit {
  std::optional<std::uint64_t> soft;
  std::optional<std::uint64_t> hard;
};

struct Facts {
  Fact<CpuFacts> cpu;
  Fact<VirtualisationSwitch> virtualisation_switch;  // absent: no module msr, no such processor
  KvmFacts kvm;
  KernelFacts kernel;
  IommuFacts iommu;
  Fact<std::vector<PciDevice>> pci_devices;    // sorted by address
  Fact<std::vector<MdevParent>> mdev_parents;  // absent: no /sys/class/mdev_bus
  Fact<std::vector<MediatedDevice>> mediated_devices;
  Fact<MemoryLockLimit> memory_lock;
  Fact<std::uint64_t> memory_bytes;
  Fact<std::string> product;                    // DMI: "Samsung Galaxy Book Flex"
  Fact<std::string> distribution;               // PRETTY_NAME of os-release
  Fact<std::vector<std::string>> render_nodes;  // /dev/dri/renderD*
  Fact<std::vector<DrmCard>> drm_cards;         // absent: the kernel has no graphics drivers
  PlatformFacts platform;
  SessionFacts session;
  UserFacts user;
  Fact<FirmwareFiles> gpu_firmware;  // for i915 and xe; absent: no place for any
  BootFacts boot;
  QemuFacts qemu;
  VirtualMachineFacts virtual_machines;
  HostUses host_uses;                        // read_device_facts() alone reads them
  Fact<std::vector<UsbDevice>> usb_devices;  // the same; by port
  Fact<std::string> kernel_log;              // since boot, as /dev/kmsg or dmesg print it
  Fact<std::string> previous_boot_log;       // the end of what the kernel said at the boot before
  bool is_root = false;                      // facts that need root are complete
  bool is_live = false;                      // not a captured machine
};

}  // namespace cleave
