// A checked VM: what a definition means once every default is filled in and every value is in
// range. Pure: whether files and devices exist is asked elsewhere (app/vm).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vm/definition.h"

namespace cleave {

// A VM that may be started.
struct Vm {
  std::string name;   // also the name of its directory: letters, digits, ".", "_", "-"; at most 63
  std::string qemu;   // a name, looked up in PATH and among cleave's builds, or a path
  std::string guest;  // "linux", "windows"; empty: not told
  std::string guest_version;  // of Windows: "10", "11"; empty: not told
  std::string machine;
  std::string accelerator;
  std::string cpu;
  std::uint32_t cpus = 0;       // 1 to 255
  struct Topology {             // their product is `cpus`
    std::uint32_t sockets = 0;  // 0: QEMU's own arrangement
    std::uint32_t cores = 0;
    std::uint32_t threads = 0;
  };
  Topology topology;
  // For the guest's first processors the host's, by number; empty: where the kernel likes.
  std::vector<std::vector<std::uint32_t>> pin;
  std::uint64_t memory_bytes = 0;  // 16 MiB to 16 TiB, whole MiB
  std::string memory_text;         // as QEMU takes it: "4G"
  bool huge_pages = false;
  bool balloon = true;
  std::string kernel;  // empty: none
  std::string initrd;
  std::string kernel_arguments;
  std::string clock;    // "utc", "localtime"
  bool hyperv = false;  // Hyper-V's interfaces
  bool serial = false;
  bool guest_agent = false;
  bool clipboard = false;
  std::string pointer;     // "tablet", "mouse"
  std::string on_suspend;  // "keep", "pause", "stop", "refuse"; empty: what the GPU bears
  std::string autostart;   // "no", "login", "boot"
  struct Firmware {
    bool uefi = false;
    bool secure_boot = false;
    bool tpm = false;
    std::string code;   // a file; empty: looked for on the host
    std::string nvram;  // a file; empty: in the VM's own directory
  };
  Firmware firmware;
  struct Disk {
    std::string file;  // a path that QEMU cannot take for a protocol or option; empty: no disc
    std::string format = "raw";
    std::string interface = "virtio";
    std::string cache;  // empty: QEMU's default
    std::string aio;    // empty: QEMU's default
    bool discard = false;
    bool iothread = false;
    bool read_only = false;
    std::string serial;
    std::uint32_t boot_index = 0;  // the lowest is tried first; each has its own
  };
  std::vector<Disk> disks;
  struct Network {
    std::string type;  // "user", "bridge"
    std::string bridge;
    std::string model;  // "virtio", "e1000e"
    std::string mac;    // lower case
    struct Forward {
      std::string protocol;  // "tcp", "udp"
      std::string address;   // of the host; where it listens
      std::uint16_t host_port = 0;
      std::uint16_t guest_port = 0;
    };
    std::vector<Forward> forwards;
  };
  std::vector<Network> networks;
  std::string display;
  std::string render_node;  // empty: the start chooses, or QEMU
  bool fullscreen = false;
  std::uint64_t looking_glass_bytes = 0;  // a power of two; 0: none
  struct Gpu {
    std::string way;
    std::string parent;   // empty: the only one there is
    std::string type_id;  // empty: the best that fits
    std::string device;   // address of a PCI device on the host; empty: chosen at the start
    std::string rom;      // a file; empty: the device's own
    std::string uuid;     // lower case
    bool display = true;  // the guest's screen is the vGPU's
    std::optional<bool> opregion;
    std::optional<bool> ramfb;  // empty: where it can be had
    std::string mode;           // of virtio-gpu: "virgl"; empty: the best that surely works
    std::uint32_t width = 0;    // what its screen likes best, in pixels; 0: its own
    std::uint32_t height = 0;
    bool primary = false;  // of passthrough: the guest's first screen, for its BIOS, too
  };
  std::optional<Gpu> gpu;
  struct UsbIds {
    std::uint16_t vendor = 0;
    std::uint16_t product = 0;

    bool operator==(const UsbIds&) const = default;
  };
  struct Device {          // a further one of the host; exactly one of the first three
    std::string pci;       // "0000:03:00.0"
    std::string usb_port;  // "1-2.3"
    std::optional<UsbIds> usb_ids;
    std::string rom;           // of a PCI device: a file; empty: its own
    bool is_optional = false;  // of USB: it may be plugged in later
  };
  std::vector<Device> devices;
  struct Sound {
    std::string model;    // "hda", "usb", "virtio"
    std::string backend;  // "pipewire", "pa"; empty: the start chooses
  };
  std::optional<Sound> sound;
  struct Share {
    std::string path;
    std::string tag;
    std::string type;  // "virtiofs", "9p"
    bool read_only = false;
  };
  std::vector<Share> shares;
  std::vector<std::string> extra_arguments;
};

// A name that may be a VM's: [A-Za-z0-9][A-Za-z0-9._-]{0,62}.
bool is_vm_name(std::string_view name);

// Name of the user's VM → its vGPU's UUID: version 5 (RFC 9562, 5.5) of NAME under cleave's own
// namespace, so that a crash or a second start finds the same device. Slot 1 and up: "NAME/SLOT".
std::string vgpu_uuid(std::string_view vm_name, std::uint32_t slot = 0);

// The address of the VM's network card of that number, from 0: always the same, of QEMU's own range
// 52:54:00 (docs/system/devices/net.rst).
std::string network_address(std::string_view vm_name, std::uint32_t card);

struct CheckedDefinition {
  std::optional<Vm> vm;  // empty if there are problems
  std::vector<DefinitionProblem> problems;
};

// Fills in defaults and checks meaning. Relative paths are taken from `directory`.
CheckedDefinition check_definition(const VmDefinition& definition, std::string_view directory);

// Both steps: the problems of parsing and of checking together, in the order of the file.
Result<CheckedDefinition> read_definition(std::string_view text, std::string file,
                                          std::string_view directory);

}  // namespace cleave
