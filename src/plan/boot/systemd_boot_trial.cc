// One start by systemd-boot with more arguments: an entry file of its own, and the EFI variable
// LoaderEntryOneShot, which systemd-boot deletes before it starts anything
// (systemd.io/BOOT_LOADER_INTERFACE). The entry is last in the menu, so that it never becomes what
// starts by default: entries with a sort-key come before those without, and of these the lower
// names come later (src/boot/efi/boot.c, boot_entry_compare).
#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"
#include "plan/boot/edits.h"
#include "plan/boot/trial.h"

namespace cleave {
namespace {

// "-" is lower than every letter and digit (strverscmp_improved); bootctl allows no "~"
// (efi_loader_entry_name_valid).
constexpr const char* kFile = "-cleave-trial.conf";
// The first systemd-boot that orders entries so.
constexpr std::uint32_t kLeastVersion = 250;
// What tells the entry's place in the menu; its own are none, and the title is another.
constexpr std::array<std::string_view, 4> kPlaceKeys = {"title", "version", "machine-id",
                                                        "sort-key"};

// "systemd-boot 252.39-1~deb12u1" → 252; 0 for any other loader.
std::uint32_t version_of(std::string_view loader) {
  constexpr std::string_view kName = "systemd-boot ";
  if (!loader.starts_with(kName)) return 0;
  const std::string_view number = loader.substr(kName.size());
  const std::size_t digits = std::min(number.find_first_not_of("0123456789"), number.size());
  return parse_unsigned<std::uint32_t>(number.substr(0, digits)).value_or(0);
}

std::string trial_text(std::string_view before, const std::vector<std::string>& added) {
  std::string text = format("title {}\n", kTrialTitle);
  for (const std::string_view line : lines(before)) {
    const auto parts = words(line);
    if (parts.empty() || parts.front().starts_with('#')) continue;
    if (std::ranges::find(kPlaceKeys, parts.front()) != kPlaceKeys.end()) continue;
    text += std::string(line) + "\n";
  }
  return append_to_line(text, is_options_line, added)
      .value_or(text + "options " + join(added, " ") + "\n");
}

Change entry_file(const std::string& path, std::string content) {
  WriteFile file;
  file.path = path;
  file.content = std::move(content);
  file.expected_before = kAbsentFile;
  return trial_entry_change(std::move(file));
}

Change once_change() {
  return next_start_change(
      {N_("systemd-boot forgets it before it starts anything: should the machine hang, switching "
          "it off and on is enough.")},
      RunCommand{.argv = {"bootctl", "set-oneshot", "--", kFile},
                 .undo_argv = {"bootctl", "set-oneshot", ""}});
}

}  // namespace

Result<TrialEntry> try_with_systemd_boot(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  if (version_of(request.facts.boot.loader.value_or("")) < kLeastVersion) {
    return unsupported_trial(
        {N_("Only systemd-boot from version {version} on keeps an entry of this kind apart; this "
            "is {name}."),
         {{"version", kLeastVersion}, {"name", printable(request.loader.name)}}});
  }
  const BootEntry entry = TRY(running_entry(request));
  const std::string* before = text_of(request, entry.source);
  if (before == nullptr) return closed_to_trial(entry.source);
  TrialEntry trial;
  trial.title = kTrialTitle;
  const std::string path = entry.source.substr(0, entry.source.rfind('/') + 1) + kFile;
  trial.changes.push_back(entry_file(path, trial_text(*before, words_for(request, entry))));
  if (!request.facts.boot.has_tool("bootctl")) {
    trial.why_not_once = {
        N_("The tool bootctl is not there, which tells systemd-boot what to "
           "start next.")};
    return trial;
  }
  trial.once = true;
  trial.changes.push_back(once_change());
  return trial;
}

}  // namespace cleave
