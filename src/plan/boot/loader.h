// How kernel arguments get into what a boot loader starts next time: one file per kind of set-up,
// one row each in all.cc. Pure: facts and texts of files in, changes out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "facts/boot_loader.h"
#include "facts/facts.h"
#include "plan/change.h"

namespace cleave {

struct ArgumentsRequest {
  const Facts& facts;
  const BootLoader& loader;  // find_boot_loader(facts)
  // For the end of the command line, each as it shall stand there: "i915.enable_gvt=1".
  std::vector<std::string> words;
  // The content of the files of `loader.files` that exist, of every loader entry and of what GRUB
  // itself reads (grub.cfg, custom.cfg), by path.
  std::map<std::string, std::string, std::less<>> texts;
};

// An entry of its own for one start with more arguments; whatever starts otherwise stays as it is.
struct TrialEntry {
  std::vector<Change> changes;
  // True: the loader starts it next time by itself, and never again by itself. False: somebody has
  // to choose it in the menu.
  bool once = false;
  Message why_not_once;
  std::string title;  // as the menu shows it
};
inline constexpr const char* kTrialTitle = "cleave: the changed settings, tried once";
inline constexpr const char* kTrialId = "cleave-trial";

struct Loader {
  BootWriter writer;
  // The changes that give every normal boot from the next on these words, and no recovery entry, in
  // their order; none if all are there already. Unsupported: cleave does not write for this kind of
  // set-up, with what to do by hand as the remedy. Conflict: a file says something that cannot be
  // understood, or would take the words away again.
  Result<std::vector<Change>> (*add_arguments)(const ArgumentsRequest& request);
  // The entry that started this system once more, with the words. Unsupported where there can be
  // none, and why. Null: this kind has no such entry.
  Result<TrialEntry> (*try_arguments)(const ArgumentsRequest& request) = nullptr;
};

// Where an entry below loader/entries is now: its counter of tries may have changed since it was
// called `path`. `names`: what is in its directory. Empty: it is gone.
std::string entry_path_now(std::string_view path, const std::vector<std::string>& names);

// A trial that cannot be had, and what else can be done.
Error unsupported_trial(Message why);
// Why no start can be tried with loaders of this kind.
Error no_trial(const ArgumentsRequest& request);

const std::vector<Loader>& all_loaders();
// Null: this kind has no row.
const Loader* find_loader(BootWriter writer);

// Those of `words` that are not effective in `command_line` yet. Of a parameter the last value
// counts; where a value is a list that the kernel adds up (intel_iommu=on,igfx_off), the items do.
std::vector<std::string> words_to_add(std::string_view command_line,
                                      const std::vector<std::string>& words);

// Malformed if a word could mean something else than itself to a shell, to GRUB or to a loader.
Result<void> check_words(const std::vector<std::string>& words);

}  // namespace cleave
