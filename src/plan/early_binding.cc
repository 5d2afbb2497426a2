#include "plan/early_binding.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// Images of all installed kernels on a slow machine; each takes a minute or two.
constexpr std::uint32_t kBuildLimitSeconds = 1800;
constexpr const char* kFilesId = "initramfs.early_binding";
constexpr const char* kBuildId = "initramfs.build";
constexpr const char* kUndoneId = "initramfs.build-undone";
constexpr std::string_view kCall = "give_to_vfio ";

// Runs in the initramfs, under dash, klibc's or busybox's shell, with nothing but built-in
// commands. A device that has a driver is left alone: taking it away is what this is to spare.
// driver_override keeps every other driver off until vfio-pci is there, be it in the real system;
// drivers_probe is for a vfio-pci that is built in (Documentation/ABI/testing/sysfs-bus-pci,
// sysfs-bus). “prereqs”: initramfs-tools(7).
constexpr const char* kScript =
    R"(#!/bin/sh
# Written by `cleave setup`, removed by `cleave setup --undo`.
# Keeps devices for vfio-pci, by address, before a driver of the host can take them.
# A device that has a driver already, or other ids than it had, is left alone.
# {0} on the kernel's command line switches this off.
[ "$1" = prereqs ] && exit 0
read -r line < /proc/cmdline || exit 0
case " $line " in *" {0} "*) exit 0 ;; esac

give_to_vfio() {{
  device=/sys/bus/pci/devices/$1
  [ -e "$device/driver_override" ] && [ ! -e "$device/driver" ] || return 0
  read -r vendor < "$device/vendor" && read -r model < "$device/device" || return 0
  [ "$vendor" = "$2" ] && [ "$model" = "$3" ] || return 0
  {{
    echo vfio-pci > "$device/driver_override"
    echo "$1" > /sys/bus/pci/drivers_probe
  }} 2> /dev/null
}}

{1}exit 0
)";

constexpr const char* kSharedScript = "/etc/cleave/early-binding";

// Before udev looks at the devices that are there (systemd-udev-trigger.service), in the initramfs
// and, where that took nothing along, in the real system. “-”: if it fails, the start goes on
// (systemd.service(5)).
constexpr const char* kUnitDropIn =
    "/etc/systemd/system/systemd-udev-trigger.service.d/90-cleave.conf";
constexpr const char* kUnitText =
    "# Written by `cleave setup`.\n"
    "[Service]\n"
    "ExecStartPre=-/bin/sh /etc/cleave/early-binding\n";

// dracut.conf(5): files that an image takes along at their own place.
constexpr const char* kDracutText =
    "# Written by `cleave setup`.\n"
    "install_items+=\" /etc/cleave/early-binding "
    "/etc/systemd/system/systemd-udev-trigger.service.d/90-cleave.conf \"\n";

// mkinitcpio(8): bash functions of its own for what goes into an image; the hook beside it runs
// there under busybox, if systemd does not. Early hooks come before the modules of the settings and
// before udev's trigger (its `init`, hooks/udev).
constexpr const char* kMkinitcpioInstall =
    R"(#!/bin/bash
# Written by `cleave setup`.

build() {
    add_file /etc/cleave/early-binding
    add_file /etc/systemd/system/systemd-udev-trigger.service.d/90-cleave.conf
    add_runscript
}

help() {
    echo "Keeps devices of virtual machines for vfio-pci (cleave setup)."
}
)";
constexpr const char* kMkinitcpioHook =
    R"(#!/usr/bin/ash
# Written by `cleave setup`.

run_earlyhook() {
    /bin/sh /etc/cleave/early-binding
}
)";
constexpr const char* kMkinitcpioText =
    "# Written by `cleave setup`.\n"
    "HOOKS+=(cleave-early-binding)\n";

struct OwnFile {
  const char* path;
  const char* text;  // null: the script
  std::uint32_t mode;
};

// mkinitramfs copies scripts with their mode, and runs those of init-top in the order of tsort,
// which is that of their names where none needs another: before “udev”, whose trigger loads the
// drivers.
constexpr std::array kInitramfsTools = {
    OwnFile{"/etc/initramfs-tools/scripts/init-top/cleave-early-binding", nullptr, 0755}};
constexpr std::array kDracut = {OwnFile{kSharedScript, nullptr, 0755},
                                OwnFile{kUnitDropIn, kUnitText, 0644},
                                OwnFile{"/etc/dracut.conf.d/90-cleave.conf", kDracutText, 0644}};
constexpr std::array kMkinitcpio = {
    OwnFile{kSharedScript, nullptr, 0755}, OwnFile{kUnitDropIn, kUnitText, 0644},
    OwnFile{"/etc/initcpio/install/cleave-early-binding", kMkinitcpioInstall, 0644},
    OwnFile{"/etc/initcpio/hooks/cleave-early-binding", kMkinitcpioHook, 0644},
    OwnFile{"/etc/mkinitcpio.conf.d/90-cleave.conf", kMkinitcpioText, 0644}};

struct Tool {
  const char* name;  // as in facts/initramfs_tool.cc
  std::span<const OwnFile> files;
  // Of all kernels: one that is installed between a set-up and its undo has the script, too.
  std::array<const char*, 4> build;
};

constexpr std::array<Tool, 3> kTools = {
    Tool{"initramfs-tools", kInitramfsTools, {"update-initramfs", "-u", "-k", "all"}},
    Tool{"dracut", kDracut, {"dracut", "-f", "--regenerate-all", nullptr}},
    Tool{"mkinitcpio", kMkinitcpio, {"mkinitcpio", "-P", nullptr, nullptr}}};

const Tool* find_tool(std::string_view name) {
  const auto* found =
      std::ranges::find_if(kTools, [&](const Tool& tool) { return tool.name == name; });
  return found == kTools.end() ? nullptr : found;
}

std::string call_of(const EarlyDevice& device) {
  return format("{}{} {:#06x} {:#06x}", kCall, device.address, device.vendor_id, device.device_id);
}

// With what an earlier set-up wrote in front.
std::string script_for(const std::vector<EarlyDevice>& devices, const std::string* before) {
  std::vector<std::string> calls;
  if (before != nullptr) {
    for (const std::string_view line : lines(*before)) {
      if (line.starts_with(kCall)) calls.emplace_back(line);
    }
  }
  for (const EarlyDevice& device : devices) {
    std::string call = call_of(device);
    if (std::ranges::find(calls, call) == calls.end()) calls.push_back(std::move(call));
  }
  return format(kScript, kNoEarlyBinding, join(calls, "\n") + "\n");
}

Change file_change(const OwnFile& own, std::string text, const std::string* before) {
  WriteFile file;
  file.path = own.path;
  file.content = std::move(text);
  file.mode = own.mode;
  file.expected_before = before == nullptr ? kAbsentFile : content_hash(*before);
  Change change;
  change.id = kFilesId;
  change.summary = {N_("Keep devices for vfio-pci in the initramfs")};
  change.effect = std::move(file);
  change.needs_reboot = true;
  change.permanent = true;
  return change;
}

Change build_change(const Tool& tool, bool when_undone) {
  std::vector<std::string> argv;
  for (const char* word : tool.build) {
    if (word != nullptr) argv.emplace_back(word);
  }
  Change change;
  change.id = when_undone ? kUndoneId : kBuildId;
  change.summary = {N_("Build the initramfs of every kernel anew")};
  change.reason = {
      N_("So that all kernels start with it. It takes a minute or more for each; an undo builds "
         "them once more.")};
  RunCommand command{.argv = {}, .undo_argv = {}, .limit_seconds = kBuildLimitSeconds};
  (when_undone ? command.undo_argv : command.argv) = std::move(argv);
  change.effect = std::move(command);
  change.needs_reboot = true;
  change.permanent = true;
  return change;
}

}  // namespace

bool can_bind_early(std::string_view tool) { return find_tool(tool) != nullptr; }

std::vector<std::string> early_binding_paths() {
  std::vector<std::string> paths;
  for (const Tool& tool : kTools) {
    for (const OwnFile& file : tool.files) {
      if (std::ranges::find(paths, file.path) == paths.end()) paths.emplace_back(file.path);
    }
  }
  return paths;
}

EarlyBinding early_binding_changes(std::string_view tool, const std::vector<EarlyDevice>& devices,
                                   const std::map<std::string, std::string, std::less<>>& texts) {
  EarlyBinding all;
  const Tool* row = find_tool(tool);
  if (row == nullptr || devices.empty()) return all;
  for (const OwnFile& own : row->files) {
    const auto known = texts.find(std::string_view(own.path));
    const std::string* before = known == texts.end() ? nullptr : &known->second;
    std::string text = own.text == nullptr ? script_for(devices, before) : std::string(own.text);
    if (before != nullptr && *before == text) continue;
    all.last.push_back(file_change(own, std::move(text), before));
  }
  if (all.last.empty()) return all;
  all.last.front().reason = {
      N_("The initramfs may load the driver of the host before the rules of udev are read, and of "
         "two cards that one driver is for it takes both.")};
  all.first.push_back(build_change(*row, true));
  all.last.push_back(build_change(*row, false));
  return all;
}

bool changes_initramfs(const std::vector<Change>& changes) {
  return std::ranges::any_of(changes, [](const Change& change) { return change.id == kBuildId; });
}

}  // namespace cleave
