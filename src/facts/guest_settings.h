// What a virtual machine is given, in the terms of QEMU, whoever wrote it down: a command line, a
// definition of libvirt or one of Proxmox VE. Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "facts/pci.h"

namespace cleave {

enum class GuestFirmware : std::uint8_t { Unknown, SeaBios, Ovmf };

// A device of the host, or a share of one. What is not set was not said: QEMU's default holds.
struct HostDevice {
  std::string driver;                // "vfio-pci", "vfio-pci-nohotplug"
  std::string id;                    // "hostdev0"
  std::optional<PciAddress> host;    // the device itself, whole or a virtual function
  bool all_functions = false;        // Proxmox VE: an address without a function means all of them
  std::string uuid;                  // of a mediated device, lower case
  std::optional<PciAddress> parent;  // of the mediated device, where the path or definition tells
  std::string mdev_type;             // Proxmox VE makes one of this type when the VM starts
  std::optional<bool> display;       // on or auto
  std::optional<bool> ramfb;
  std::optional<bool> opregion;     // x-igd-opregion
  std::optional<bool> legacy_mode;  // x-igd-legacy-mode
  std::optional<bool> vga;          // x-vga
  std::string rom_file;             // the last part of romfile=
  std::string slot;                 // where the guest sees it: "02.0"

  [[nodiscard]] bool is_mediated() const { return !uuid.empty() || !mdev_type.empty(); }
  // Which device it is could not be told.
  [[nodiscard]] bool is_unknown() const { return !host && !is_mediated(); }
  bool operator==(const HostDevice&) const = default;
};

// One window, server or renderer of the guest's picture.
struct GuestDisplay {
  std::string kind;  // "gtk", "sdl", "egl-headless", "dbus", "spice", "vnc", "none", "curses"
  bool gl = false;
  std::string render_node;        // "/dev/dri/renderD128"; empty: QEMU takes the first
  std::string image_compression;  // of spice: "off", "auto_glz"; empty: not said

  bool operator==(const GuestDisplay&) const = default;
};

struct GuestCpu {
  std::string model;                   // "host"; empty: QEMU's default
  std::optional<bool> hypervisor;      // hypervisor=off: the guest is told that it is none
  std::optional<bool> kvm;             // kvm=off: KVM's signature is hidden
  std::optional<bool> virtualisation;  // vmx or svm, as given
  std::optional<std::string> hyperv_vendor_id;

  bool operator==(const GuestCpu&) const = default;
};

struct GuestSettings {
  std::string name;
  std::string machine;  // "pc-q35-10.0"; empty: QEMU's default
  GuestCpu cpu;
  std::optional<std::uint64_t> memory_bytes;
  GuestFirmware firmware = GuestFirmware::SeaBios;  // QEMU's own choice on a PC
  std::vector<HostDevice> devices;
  std::vector<std::string> emulated_displays;  // "std", "qxl-vga", "virtio-vga-gl"
  std::vector<GuestDisplay> displays;          // empty: QEMU opens a window without OpenGL
  std::string accelerator;                     // "kvm", "tcg"; empty: not said
  std::string windows_sign;                    // what looks like a Windows guest; empty: nothing
  bool is_linux = false;                       // somebody wrote so
  // What stands in the way of knowing all: "-readconfig /etc/vm.cfg". Empty: all is known.
  std::vector<std::string> unknown;

  [[nodiscard]] bool is_windows() const { return !windows_sign.empty() && !is_linux; }
  bool operator==(const GuestSettings&) const = default;
};

}  // namespace cleave
