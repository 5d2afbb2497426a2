#include <algorithm>

#include "plan/boot/loaders.h"

namespace cleave {

const std::vector<Loader>& all_loaders() {
  static const std::vector<Loader> loaders = {
      grub_drop_in_loader(),  grub_settings_loader(),  grub_entries_loader(),
      grubby_loader(),        loader_entries_loader(), kernel_install_loader(),
      proxmox_loader(),       sdbootutil_loader(),     kernelstub_loader(),
      rpm_ostree_loader(),    limine_loader(),         limine_entry_tool_loader(),
      refind_loader(),        nixos_loader(),          snap_core_loader(),
      unified_image_loader(), grub_by_hand_loader()};
  return loaders;
}

const Loader* find_loader(BootWriter writer) {
  const auto& loaders = all_loaders();
  const auto found = std::ranges::find(loaders, writer, &Loader::writer);
  return found == loaders.end() ? nullptr : &*found;
}

}  // namespace cleave
