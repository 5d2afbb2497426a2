// One function per kind of set-up, for all.cc.
#pragma once

#include "plan/boot/loader.h"

namespace cleave {

// grub.cc
Loader grub_drop_in_loader();
Loader grub_settings_loader();
// entries.cc
Loader loader_entries_loader();
Loader grub_entries_loader();
Loader kernel_install_loader();
Loader grubby_loader();
// command_line_file.cc
Loader proxmox_loader();
Loader sdbootutil_loader();
// tools.cc
Loader kernelstub_loader();
Loader rpm_ostree_loader();
// limine.cc
Loader limine_entry_tool_loader();
Loader limine_loader();

Loader refind_loader();  // refind.cc

// by_hand.cc
Loader nixos_loader();
Loader snap_core_loader();
Loader unified_image_loader();
Loader grub_by_hand_loader();

}  // namespace cleave
