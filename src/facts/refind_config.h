// rEFInd's two files: refind_linux.conf beside a kernel (rows of a title and arguments) and manual
// stanzas in refind.conf (rodsbooks.com/refind, configfile.html). Pure: text in, values out.
#pragma once

#include <string_view>
#include <vector>

#include "facts/boot_entry.h"

namespace cleave {

// At most 1 MiB and 1,000 entries are looked at. Entries of refind_linux.conf have no kernel: they
// are for every kernel in that directory.
std::vector<BootEntry> parse_refind_linux(std::string_view text);
std::vector<BootEntry> parse_refind_stanzas(std::string_view text);

}  // namespace cleave
