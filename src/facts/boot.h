// How this system was booted, and which files say with which arguments it boots next time: what
// was found of every boot loader and of every tool that writes for one. boot_loader.h judges it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "facts/boot_entry.h"
#include "facts/fact.h"
#include "facts/grub_config.h"
#include "facts/grub_defaults.h"
#include "facts/kernelstub_config.h"
#include "facts/limine_config.h"
#include "facts/refind_config.h"

namespace cleave {

// /etc/default/grub and the drop-ins that grub-mkconfig reads after it.
struct GrubSettings {
  struct File {
    std::string path;
    std::vector<GrubProblem> problems;  // of this file alone
    // The two variables after this file; empty: not set or not known.
    std::optional<std::string> command_line;          // GRUB_CMDLINE_LINUX
    std::optional<std::string> command_line_default;  // GRUB_CMDLINE_LINUX_DEFAULT
  };
  GrubDefaults merged;
  std::vector<File> files;  // in the order in which they are read
};

// A file system that a loader reads entries from: the ESP, or an XBOOTLDR partition.
struct LoaderPlace {
  std::string path;                               // "/boot/efi"
  Fact<LoaderConfig> config;                      // loader/loader.conf
  Fact<std::vector<BootEntry>> entries;           // loader/entries, by file name
  Fact<std::vector<std::string>> unified_images;  // names in EFI/Linux
};

// The file system that holds GRUB's files.
struct BootFileSystem {
  std::string type;           // "ext4"
  std::string device;         // "/dev/mapper/vg-root"
  Fact<std::string> mapping;  // of a device mapper's device: "LVM", "CRYPT"; absent for others
};

struct InitramfsFacts {
  Fact<std::vector<std::string>> images;  // names in /boot
  std::vector<std::string> marks;         // settings and hooks of the tools: paths that exist
};

struct BootFacts {
  // EFI variables of the Boot Loader Interface (systemd.io/BOOT_LOADER_INTERFACE).
  Fact<std::string> loader;          // LoaderInfo: "systemd-boot 255.4", "GRUB 2.12"
  Fact<std::string> stub;            // StubInfo: "systemd-stub 255.4", of a unified kernel image
  Fact<std::string> entry_selected;  // LoaderEntrySelected: "arch.conf"

  Fact<GrubSettings> grub_settings;
  Fact<GrubConfig> grub_config;  // of /boot/grub or /boot/grub2; its source tells which
  Fact<GrubEnvironment> grub_environment;
  Fact<bool> grub_drop_ins;  // known: grub-mkconfig could be read; true: it reads grub.d
  Fact<BootFileSystem> grub_file_system;
  Fact<std::string> shell;  // what /bin/sh is: "dash", "bash"

  std::vector<LoaderPlace> places;        // one that is seen at two paths counts once
  Fact<std::string> kernel_command_line;  // /etc/kernel/cmdline, else /usr/lib/kernel/cmdline
  Fact<std::string> kernel_tries;         // /etc/kernel/tries
  Fact<KernelstubConfig> kernelstub;
  Fact<std::vector<BootEntry>> refind_linux;
  Fact<std::vector<BootEntry>> refind_stanzas;
  Fact<LimineDefaults> limine_defaults;
  Fact<std::vector<BootEntry>> limine_config;
  Fact<bool> proxmox_boot_tool;      // /etc/kernel/proxmox-boot-uuids: it looks after the ESPs
  Fact<std::string> sysconfig_type;  // LOADER_TYPE of /etc/sysconfig/bootloader (openSUSE)
  Fact<bool> ostree;                 // /run/ostree-booted
  Fact<bool> nixos;                  // /etc/NIXOS
  std::set<std::string, std::less<>> tools;  // those of loaders and initramfs images that exist

  InitramfsFacts initramfs;

  [[nodiscard]] bool has_tool(std::string_view name) const { return tools.contains(name); }
};

}  // namespace cleave
