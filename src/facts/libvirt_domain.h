// A domain of libvirt as /etc/libvirt/qemu/NAME.xml defines it, and what libvirt's log of it says.
// Format: libvirt's docs/formatdomain.rst.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/guest_settings.h"

namespace cleave {

struct LibvirtDomain {
  GuestSettings settings;
  std::string emulator;  // "/usr/bin/qemu-system-x86_64"
};

// Empty for text that is no XML, holds no domain, or is more than 1 MiB or 64 levels deep.
std::optional<LibvirtDomain> parse_libvirt_domain(std::string_view xml);

// The same definition without what the settings do not depend on: no disks, networks, UUID,
// description or secrets. `name` takes the place of the domain's name. Empty if it is none.
std::string reduced_libvirt_domain(std::string_view xml, std::string_view name);

// /var/log/libvirt/qemu/NAME.log since the domain's last start.
struct LibvirtLog {
  std::string qemu_version;  // as in "starting up libvirt version: 10.0.0, …, qemu version: 8.2.2"
  std::vector<std::string> arguments;  // the command line, program first
  std::string said;                    // what follows it: QEMU's own words
};
LibvirtLog parse_libvirt_log(std::string_view text);

}  // namespace cleave
