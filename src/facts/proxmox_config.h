// A VM of Proxmox VE: /etc/pve/qemu-server/ID.conf. Format: qm.conf(5), PVE::QemuServer.
#pragma once

#include <string>
#include <string_view>

#include "facts/guest_settings.h"

namespace cleave {

// Of the current state: snapshots and pending changes stand in sections of their own.
GuestSettings parse_proxmox_config(std::string_view text);

// The same without what the settings do not depend on; `name` takes the place of the VM's name.
std::string reduced_proxmox_config(std::string_view text, std::string_view name);

}  // namespace cleave
