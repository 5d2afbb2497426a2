// QEMU's command line → what the virtual machine is given. Follows qemu-options.hx and
// util/keyval.c, util/qemu-option.c of QEMU 10. What cannot be told (a shell's variable, a file of
// -readconfig) is named in GuestSettings::unknown and never guessed.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "facts/guest_settings.h"

namespace cleave {

// Stands for a part of a word that only a shell could tell: "$RAM" or "$(pwd)".
inline constexpr char kUnknownPart = '\x1A';

// The words of /proc/PID/cmdline.
std::vector<std::string> split_arguments(std::string_view nul_separated);

// The words of the first QEMU command in a script, a log or a mail, without the environment in
// front of it; empty if there is none. A quote or a line's end with a backslash goes on as in a
// shell.
std::vector<std::string> split_command_line(std::string_view text);

// The words of a text that has arguments alone, as `args:` of Proxmox VE.
std::vector<std::string> split_shell_words(std::string_view text);

// The contrary: in single quotes.
std::string quoted_words(std::span<const std::string> words, std::string_view separator);

// argv[0] or the first word names QEMU: "/usr/bin/qemu-system-x86_64", "qemu-kvm", "kvm".
bool is_qemu_program(std::string_view program);

// `arguments` with the program in front.
GuestSettings parse_qemu_command_line(std::span<const std::string> arguments);

// Adds what QEMU's own arguments say (without the program) to what a definition says.
void apply_qemu_arguments(std::span<const std::string> arguments, GuestSettings& settings);

// The same command line without what the settings do not depend on: no disks, networks, paths or
// secrets. `name` takes the place of the VM's name.
std::vector<std::string> reduced_command_line(std::span<const std::string> arguments,
                                              std::string_view name);

// A device that is driven by VFIO, from its options; used by those that have them in XML.
void set_device_option(HostDevice& device, std::string_view key, std::string_view value);

// "4096" (mebibytes if it has no unit), "4G", "1.75G", "219136k" → bytes.
std::optional<std::uint64_t> parse_qemu_size(std::string_view text);

// Whether a firmware's file is OVMF or SeaBIOS, by its name.
GuestFirmware firmware_of_file(std::string_view path);

// The devices that are a display of the guest's own, by the name of QEMU's device.
bool is_emulated_display(std::string_view driver);

}  // namespace cleave
