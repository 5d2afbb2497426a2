// grub.cfg as far as it starts kernels: menu entries, in submenus too, with the arguments that the
// kernel gets; and grubenv, GRUB's own memory. GRUB's language has conditions and variables: what
// only a running GRUB could tell stays open. Pure: text in, values out, linear in the text.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/boot_entry.h"

namespace cleave {

// The variables in grubenv: next_entry, saved_entry, kernelopts, …
using GrubEnvironment = std::map<std::string, std::string, std::less<>>;

// Empty if the text is not an environment block ("# GRUB Environment Block" comes first) or is
// larger than 64 KiB. At most 1,000 variables.
std::optional<GrubEnvironment> parse_grub_environment(std::string_view text);

struct GrubConfig {
  std::vector<BootEntry> entries;  // those that start a kernel, in the order of the menu
  std::string default_entry;       // what `set default=` says last: "0", "$saved_entry"
  bool generated = false;          // the text says that grub-mkconfig wrote it
  bool loader_entries = false;     // it has GRUB read loader/entries (blscfg)
  bool complete = true;            // false: a quote is left open, or there is more than the limits
};

// At most 4 MiB, 4,096 entries and 4,096 variables are looked at. `environment` is what grubenv
// has: GRUB reads it first (load_env).
GrubConfig parse_grub_config(std::string_view text, const GrubEnvironment& environment = {});

// A loader entry as GRUB's blscfg starts it: its options are words of GRUB's language, and may name
// variables of grubenv ($kernelopts, $tuned_params).
BootEntry expand_loader_entry(BootEntry entry, const GrubEnvironment& environment);

}  // namespace cleave
