// The virtual machines that this machine runs or has defined, whoever started or defined them:
// which GPU each takes, and with which settings of QEMU.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/fact.h"
#include "facts/guest_settings.h"
#include "facts/qemu.h"

namespace cleave {

enum class VmSource : std::uint8_t { Process, Libvirt, Proxmox };

// A process's RLIMIT_MEMLOCK as it counts for it. Empty: no limit.
using EffectiveMemoryLock = std::optional<std::uint64_t>;

struct VirtualMachine {
  std::string place;  // "/proc/1234/cmdline", "/etc/libvirt/qemu/win11.xml"
  VmSource source = VmSource::Process;
  std::uint32_t process_id = 0;  // of the QEMU that runs it; 0: it does not run, as far as is known
  std::string program;           // argv[0] or <emulator>
  Fact<GuestSettings> settings;  // unreadable: the definition is there, and closed
  std::optional<Version> qemu_version;    // as libvirt's log tells it
  Fact<EffectiveMemoryLock> memory_lock;  // of the process
  Fact<std::string> intel_debug;          // INTEL_DEBUG of the process; absent: not set
  Fact<std::string> said;                 // what QEMU wrote since its last start, its end
};

// An attribute that is set once the device is there.
struct MdevAttribute {
  std::string name;  // below the device's directory: "intel_vgpu/vgpu_id"
  std::string value;

  bool operator==(const MdevAttribute&) const = default;
};

// One file of mdevctl: a mediated device that is to be made.
struct MdevDefinition {
  std::string path;    // "/etc/mdevctl.d/0000:00:02.0/UUID"
  std::string parent;  // as under /sys/class/mdev_bus
  std::string uuid;    // lower case; as written where it is none
  std::string type;    // "i915-GVTg_V5_4"; empty: not said
  bool starts_by_itself = false;
  std::vector<MdevAttribute> attributes;  // in the order in which they are set
  std::string problem;                    // why it cannot be understood; empty: it can
};

struct VirtualMachineFacts {
  // Running ones first, by process; then those that are defined and do not run, by place.
  Fact<std::vector<VirtualMachine>> machines;
  Fact<std::vector<std::string>> libvirt;  // /etc/libvirt/qemu: its names; closed to all but root
  Fact<std::vector<std::string>> proxmox;  // /etc/pve/qemu-server
  Fact<std::vector<MdevDefinition>> mdev_definitions;
};

}  // namespace cleave
