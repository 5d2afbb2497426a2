// The machine around its GPUs: firmware, security, the kind of distribution, who may open what.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "facts/fact.h"
#include "facts/pci.h"

namespace cleave {

struct FirmwareFacts {
  Fact<bool> uefi;            // known: /sys/firmware/efi was looked for
  Fact<bool> secure_boot;     // the EFI variable SecureBoot; absent on machines without UEFI
  Fact<std::string> version;  // DMI bios_version
  Fact<std::string> date;     // DMI bios_date, "05/19/2021"
};

// "[none] integrity confidentiality" → "none"; empty if nothing is in brackets.
std::string parse_lockdown(std::string_view text);

// What modprobe.d(5) says, of all its directories.
struct ModprobeFacts {
  struct Option {
    std::string parameter;  // "enable_gvt"
    std::string value;      // "1"; empty if it stands without one
    std::string source;     // the file
  };
  std::map<std::string, std::vector<Option>, std::less<>> options;  // by module
  std::map<std::string, std::string, std::less<>> blacklisted;      // module → the file
};

// Adds what one file says. Module names are kept with underscores. Commands that start programs
// (install, remove) are passed over.
void parse_modprobe_file(std::string_view text, const std::string& source, ModprobeFacts& facts);

struct DkmsModule {
  std::string name;                  // "i915-sriov-dkms"
  std::string version;               // "2026.03.05.1"
  std::vector<std::string> kernels;  // releases that it is built for, sorted
};

// A device node that QEMU has to open.
struct NodeAccess {
  std::string path;  // "/dev/dri/renderD128"
  std::uint32_t mode = 0;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  bool usable = false;  // by the user who runs cleave, for reading and writing
};

struct PlatformFacts {
  Fact<std::string> distribution_id;  // ID of os-release: "ubuntu", "fedora"
  Fact<bool> container;               // known true: this is no whole machine
  std::string image_based;            // "rpm-ostree", "nixos", "snap-core"; empty: an ordinary one
  FirmwareFacts firmware;
  Fact<std::string> lockdown;              // "none", "integrity", "confidentiality"
  Fact<std::vector<std::string>> kernels;  // releases with modules installed, sorted
  Fact<std::vector<DkmsModule>> dkms;      // absent: no /var/lib/dkms
  Fact<ModprobeFacts> modprobe;
  Fact<std::vector<NodeAccess>> vfio_nodes;  // /dev/vfio/*: groups that a driver has handed over
  // False: this kernel has no groups to open (CONFIG_VFIO_GROUP); each device has a node of its own
  // in /dev/vfio/devices, which goes with /dev/iommu. Absent: VFIO is not loaded, nothing tells.
  Fact<bool> vfio_groups;
  Fact<std::vector<NodeAccess>> render_nodes;   // /dev/dri/renderD*
  Fact<std::vector<std::string>> framebuffers;  // /proc/fb: "i915drmfb", "EFI VGA"
  // Known true: /usr/lib/nvidia/sriov-manage is there, which comes with NVIDIA's vGPU software.
  Fact<bool> nvidia_sriov_manage;
};

// /proc/fb (drivers/video/fbdev/core/fb_procfs.c): "0 i915drmfb" → "i915drmfb", in its order. Of
// more than 32 (FB_MAX) the rest is left out.
std::vector<std::string> parse_framebuffers(std::string_view text);

// A node of the graphics subsystem, with the PCI device that is behind it.
struct DrmCard {
  std::string name;  // "card0"
  std::optional<PciAddress> pci;
  std::string render_node;             // "renderD128"; empty: none
  std::vector<std::string> connected;  // outputs with a display: "eDP-1"
};

}  // namespace cleave
