// What the running host uses its PCI devices for: disks, networks, keyboards. Its displays are
// DrmCard (facts/platform.h). Whether it can do without one is judged in
// analysis/device_safety.h.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "facts/fact.h"
#include "facts/pci.h"

namespace cleave {

// All PCI devices that a thing hangs on: its controller and the bridges and hosts above it, in the
// order of sysfs' path. None: it is on another bus, or only in memory.
using DevicesAbove = std::vector<PciAddress>;
// The same of USB devices, hubs among them, by their ports: "1-2", "1-2.3" (facts/usb.h).
using UsbAbove = std::vector<std::string>;

// Something that stands on disks.
struct DiskUse {
  enum class Kind : std::uint8_t {
    Mount,
    Swap,
    Held,  // another device is made of it (LUKS, LVM, RAID), mounted or not
  };
  Kind kind = Kind::Mount;
  std::string place;   // where it is mounted; the partition or file of swap; the holder: "dm-0"
  std::string device;  // the block device's name: "nvme0n1p2"; empty where that is unknown
  Fact<DevicesAbove> above;  // of all disks that it is spread over; unreadable: nobody can say
  UsbAbove usb_above = {};   // complete where `above` is known

  bool operator==(const DiskUse&) const = default;
};

// A network interface of hardware.
struct NetworkUse {
  std::string interface;  // "enp0s31f6"
  DevicesAbove above;
  bool has_link = false;
  // The way to everywhere else goes through it, by itself or through a bridge, bond or VLAN on it.
  bool default_route = false;
  UsbAbove usb_above = {};

  bool operator==(const NetworkUse&) const = default;
};

struct Keyboard {
  std::string name;  // "AT Translated Set 2 keyboard"
  DevicesAbove above;
  UsbAbove usb_above = {};

  bool operator==(const Keyboard&) const = default;
};

// A stream of a sound card that a process has open.
struct SoundUse {
  std::string stream;   // "pcmC0D3p": card 0, device 3, playback
  std::string program;  // "pipewire (1234)"
  DevicesAbove above;
  bool running = false;  // it plays or records; else it is only kept open
  UsbAbove usb_above = {};

  bool operator==(const SoundUse&) const = default;
};

struct HostUses {
  Fact<std::vector<DiskUse>> disks;
  Fact<std::vector<NetworkUse>> networks;
  Fact<std::vector<Keyboard>> keyboards;
  Fact<std::vector<SoundUse>> sounds;
};

// --- what the readers find in texts of the kernel

// One line of /proc/PID/mountinfo (proc(5)), names without their octal escapes.
struct MountLine {
  std::string numbers;  // "259:2"; "0:…" is a file system without one block device
  std::string place;
  std::string type;
  std::string source;

  bool operator==(const MountLine&) const = default;
};

// Lines of another form are passed over.
std::vector<MountLine> parse_mount_info(std::string_view text);

struct SwapLine {
  std::string path;
  bool is_file = false;  // else a block device

  bool operator==(const SwapLine&) const = default;
};

// /proc/swaps (proc(5)).
std::vector<SwapLine> parse_swaps(std::string_view text);

// The interfaces with a way to everywhere, from /proc/net/route and /proc/net/ipv6_route.
std::set<std::string> default_routes(std::string_view ipv4, std::string_view ipv6);

// Whether these capabilities of an input device (its files capabilities/ev and capabilities/key)
// are a keyboard's.
bool is_keyboard(std::string_view events, std::string_view keys);

// /proc/asound/card0/pcm3p/sub0/status; empty: nobody has it open.
struct SoundStatus {
  std::uint32_t process_id = 0;  // 0: not one that is to be seen from here
  bool running = false;

  bool operator==(const SoundStatus&) const = default;
};
std::optional<SoundStatus> parse_sound_status(std::string_view text);

// The PCI devices in a path of sysfs.
DevicesAbove devices_in_path(std::string_view path);

// Mount points without which the system does not run on: "/", "/usr", …
bool is_essential_place(std::string_view place);

}  // namespace cleave
