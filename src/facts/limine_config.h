// Limine: limine.conf (CONFIG.md of Limine 8, and the older form with colons), and the settings
// from which limine-entry-tool writes it, /etc/default/limine and /etc/limine-entry-tool.d/*.conf.
// Pure: text in, values out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/boot_entry.h"

namespace cleave {

// At most 1 MiB and 1,000 entries are looked at.
std::vector<BootEntry> parse_limine_config(std::string_view text);

struct LimineDefaults {
  // KERNEL_CMDLINE[name]="…", by name ("default"); empty optional: only a shell could tell.
  std::map<std::string, std::optional<std::string>, std::less<>> command_lines;
  bool unified = false;  // ENABLE_UKI=yes
};

// Reads one file on top of those before it; += appends. At most 1 MiB and 1,000 names.
LimineDefaults parse_limine_defaults(std::string_view text, LimineDefaults before = {});

}  // namespace cleave
