// What entries for one start have in common, whichever loader has them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "facts/boot_entry.h"
#include "plan/boot/loader.h"

namespace cleave {

// The loader's entry that started the running system. Unsupported if none can be told, or if its
// arguments hold variables that only the loader knows.
Result<BootEntry> running_entry(const ArgumentsRequest& request);

// Whichever of the two below started this system.
Result<TrialEntry> try_with_own_loader(const ArgumentsRequest& request);

// grub_trial.cc: for everything that GRUB starts. The entry goes into custom.cfg, which GRUB's menu
// reads (41_custom), and grubenv says that it is next.
Result<TrialEntry> try_with_grub(const ArgumentsRequest& request);

// systemd_boot_trial.cc: an entry file, and the EFI variable LoaderEntryOneShot.
Result<TrialEntry> try_with_systemd_boot(const ArgumentsRequest& request);

// The lines of the menu entry `id` in grub.cfg, from "menuentry" to its brace; empty if it is not
// there, or not as grub-mkconfig writes one.
std::optional<std::string> menu_entry_text(std::string_view config, std::string_view id);

// Adds the entry to the menu by writing this file.
Change trial_entry_change(WriteFile file);
// Has the loader start that entry next time, and only then.
Change next_start_change(Message reason, Effect effect);

// Denied: `path` has to be read first, which takes root.
Error closed_to_trial(const std::string& path);

// Those of the request's words that the entry does not give the kernel already.
std::vector<std::string> words_for(const ArgumentsRequest& request, const BootEntry& entry);

}  // namespace cleave
