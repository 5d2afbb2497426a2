// The entries that a loader offers, and those of them that can have started the running kernel.
#pragma once

#include <string_view>
#include <vector>

#include "facts/boot_loader.h"

namespace cleave {

// As far as they could be read; without unified images, of which the arguments are inside.
std::vector<BootEntry> menu_entries(const Facts& facts, LoaderKind kind, BootWriter writer);

// By the strongest sign that any of them has: the id that the loader left behind, the deployment,
// the kernel's path, its release.
std::vector<BootEntry> entries_of_running(const Facts& facts, LoaderKind kind,
                                          const std::vector<BootEntry>& entries);

// "(hd0,gpt2)/vmlinuz-6.8" → "/vmlinuz-6.8": GRUB puts its name of the device before the path.
std::string_view without_device(std::string_view path);

}  // namespace cleave
