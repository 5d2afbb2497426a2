// Which boot loader booted this system, who writes the arguments that it gives to the kernel, and
// whether the files still say what the kernel was given. Judged by evidence, which is kept. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/facts.h"

namespace cleave {

enum class LoaderKind : std::uint8_t {
  Unknown,
  Grub,
  SystemdBoot,
  Refind,
  Limine,
  UnifiedImage,  // the firmware started the kernel's image itself
  Other,         // it named itself, but nothing more is known of it
};

// Who writes the command line: the tool or the kind of file that a change has to go through.
enum class BootWriter : std::uint8_t {
  Unknown,
  GrubDropIn,     // /etc/default/grub.d is read, too
  GrubSettings,   // /etc/default/grub alone
  GrubByHand,     // grub.cfg, by nobody's tool
  Grubby,         // loader entries, changed with grubby
  GrubEntries,    // loader entries read by GRUB, without grubby
  KernelInstall,  // /etc/kernel/cmdline
  LoaderEntries,  // hand-written loader entries
  UnifiedImage,   // the arguments are inside an image
  Kernelstub,
  RpmOstree,
  ProxmoxBootTool,
  Sdbootutil,
  LimineEntryTool,
  LimineByHand,
  Refind,
  Nixos,
  SnapCore,
};

// "Likely" where only the presence of files tells.
enum class BootConfidence : std::uint8_t { Unknown, Likely, Known };

struct BootEvidence {
  std::string source;
  std::string text;

  bool operator==(const BootEvidence&) const = default;
};

// What a file wants, against what the kernel was given.
struct CommandLineDifference {
  std::string source;                   // the file
  std::string entry;                    // the entry in it; empty for settings
  std::vector<std::string> missing;     // the file has them, the running kernel has not
  std::vector<std::string> additional;  // the other way round
  std::vector<std::string> reordered;   // given several times, in another order
  // The file names variables of the loader which nobody could look up, and what is additional may
  // come from them.
  bool open = false;

  [[nodiscard]] bool equal() const {
    return missing.empty() && additional.empty() && reordered.empty();
  }
  [[nodiscard]] std::size_t size() const {
    return missing.size() + additional.size() + reordered.size();
  }
};

struct BootLoader {
  LoaderKind kind = LoaderKind::Unknown;
  std::string name;  // "systemd-boot 255.4" where it said so, else "grub"
  BootConfidence confidence = BootConfidence::Unknown;
  BootWriter writer = BootWriter::Unknown;
  std::vector<BootEvidence> evidence;  // what decided, the strongest first
  std::vector<BootEvidence> unread;    // what could have told and could not be read
  std::vector<std::string> files;      // where a change of the arguments belongs
  std::string command;                 // what makes it effective: "update-grub"; empty: nothing
  // What the loader reads (its menu), and what that is written from (settings).
  std::optional<CommandLineDifference> menu;
  std::optional<CommandLineDifference> settings;
  // Empty: nothing could be compared.
  [[nodiscard]] std::optional<bool> matches_running() const;
};

BootLoader find_boot_loader(const Facts& facts);

struct InitramfsTool {
  std::string name;     // "initramfs-tools", "dracut", "mkinitcpio", "booster"; empty: not known
  std::string image;    // of the running kernel: "/boot/initrd.img-6.8.0-60-generic"
  std::string command;  // what rebuilds it: "update-initramfs -u"
  BootConfidence confidence = BootConfidence::Unknown;
  std::vector<BootEvidence> evidence;
};

InitramfsTool find_initramfs_tool(const Facts& facts);

// Compares two command lines. Left aside: BOOT_IMAGE=, initrd= and root= (a loader adds or writes
// them its own way), what stands behind "--", and with `generated` also what generators add to
// settings (ro, rootflags=, …). Words in `possible` may be there or not. Names may come in any
// order; values of one name keep theirs.
CommandLineDifference compare_command_lines(std::string_view wanted, std::string_view running,
                                            bool generated,
                                            const std::vector<std::string>& possible = {});

const char* loader_name(LoaderKind kind);           // "grub", "systemd-boot", …
const char* writer_name(BootWriter writer);         // "grub-drop-in", "kernel-install", …
const char* confidence_name(BootConfidence value);  // "unknown", "likely", "known"

}  // namespace cleave
