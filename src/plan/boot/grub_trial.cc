// One start by GRUB with more arguments. The menu that grub-mkconfig wrote reads custom.cfg beside
// it (util/grub.d/41_custom.in) and starts next time what next_entry in grubenv names, which it
// clears before it starts anything (util/grub.d/00_header.in). So grub.cfg stays as it is.
#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"
#include "plan/boot/edits.h"
#include "plan/boot/trial.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

// File systems that GRUB reads and does not write (grub_cmd_save_env in commands/loadenv.c needs
// the blocks of the file; 00_header names these).
constexpr std::array<std::string_view, 4> kReadOnly = {"btrfs", "zfs", "squashfs", "f2fs"};

std::string directory_of_menu(const ArgumentsRequest& request) {
  const std::string& menu = request.facts.boot.grub_config.source();
  return menu.substr(0, menu.rfind('/'));
}

// Empty: GRUB can take next_entry out of grubenv again.
std::optional<Message> why_not_once(const BootFacts& boot, std::string_view menu) {
  if (menu.find("next_entry") == std::string_view::npos) {
    return Message(N_("GRUB's menu does not look at what is to start next."));
  }
  if (!boot.grub_environment.is_known()) {
    return Message(N_("GRUB has no memory here (grubenv)."));
  }
  const BootFileSystem* system = boot.grub_file_system.value();
  if (system == nullptr) {
    return Message(N_("It is not known on which file system GRUB's files are."));
  }
  const bool mapped = system->device.starts_with("/dev/mapper/") ||
                      system->device.starts_with("/dev/dm-") ||
                      system->device.starts_with("/dev/md");
  if (mapped || std::ranges::find(kReadOnly, system->type) != kReadOnly.end()) {
    return Message(
        N_("GRUB cannot write to {device} ({type}): it would start the changed entry again and "
           "again."),
        {{"device", system->device}, {"type", system->type}});
  }
  return std::nullopt;
}

// "linux	/boot/vmlinuz-6.1 root=… quiet" with the words at its end.
std::string with_words(std::string_view line, const std::vector<std::string>& words) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  return std::string(line) + " " + join(words, " ");
}

// "menuentry 'Debian GNU/Linux' --class debian … $menuentry_id_option 'gnulinux-…' {": what stands
// between the title and the id is kept; with --unrestricted among it no password is asked.
std::optional<std::string> own_header(std::string_view header) {
  const std::size_t id = header.find(" $menuentry_id_option ");
  if (id == std::string_view::npos) return std::nullopt;
  const std::size_t options = std::min(header.find("' --"), id);
  std::string kept(header.substr(options, id - options));
  if (kept.starts_with('\'')) kept.erase(0, 1);
  return format("menuentry '{}'{} $menuentry_id_option '{}' {{\n", kTrialTitle, kept, kTrialId);
}

std::optional<std::string> changed_entry(std::string_view text,
                                         const std::vector<std::string>& added) {
  std::string changed;
  bool first = true;
  bool starts_kernel = false;
  for (const std::string_view line : lines(text)) {
    const auto parts = words(line);
    const std::string_view command = parts.empty() ? std::string_view() : parts.front();
    if (first) {
      const auto header = own_header(trim(line));
      if (!header) return std::nullopt;
      changed = *header;
    } else if (command == "savedefault") {
      // Chosen once must not mean chosen from then on.
    } else if (command.starts_with("linux")) {
      changed += with_words(line, added) + "\n";
      starts_kernel = true;
    } else {
      changed += std::string(line) + "\n";
    }
    first = false;
  }
  if (!starts_kernel) return std::nullopt;
  return changed;
}

// Of a loader entry, whose paths GRUB takes from the file system that it has found already.
std::string entry_of_files(const BootEntry& entry, const std::vector<std::string>& words) {
  std::string text =
      format("menuentry '{}' --unrestricted $menuentry_id_option '{}' {{\n", kTrialTitle, kTrialId);
  text += format("\tlinux {} {} {}\n", entry.kernel, entry.arguments, join(words, " "));
  if (!entry.initrds.empty()) text += format("\tinitrd {}\n", join(entry.initrds, " "));
  return text + "}\n";
}

Change custom_menu(const ArgumentsRequest& request, const std::string& entry) {
  WriteFile file;
  file.path = directory_of_menu(request) + "/custom.cfg";
  const std::string* before = text_of(request, file.path);
  file.content = with_block(before == nullptr ? std::string() : *before, entry);
  file.expected_before = before == nullptr ? kAbsentFile : content_hash(*before);
  file.own = WriteFile::Own::Block;
  file.mode = 0600;  // as grub.cfg, which may hold passwords
  return trial_entry_change(std::move(file));
}

// In the file itself and not with grub-editenv, which writes into it: a power cut would leave half
// a block.
Result<Change> next_entry(const ArgumentsRequest& request) {
  WriteFile file;
  file.path = directory_of_menu(request) + "/grubenv";
  const std::string* before = text_of(request, file.path);
  std::optional<std::string> content;
  if (before != nullptr) content = with_grub_variable(*before, "next_entry", kTrialId);
  if (!content) {
    return unsupported_trial(
        {N_("{path} is no environment block of GRUB's, or is full."), {{"path", file.path}}});
  }
  file.content = std::move(*content);
  file.expected_before = content_hash(*before);
  file.own = WriteFile::Own::GrubVariables;
  file.words = {"next_entry"};
  return next_start_change(
      {N_("GRUB forgets it before it starts anything: should the machine hang, switching it off "
          "and on is enough.")},
      std::move(file));
}

Result<std::string> trial_text(const ArgumentsRequest& request, const std::string& menu) {
  const BootEntry entry = TRY(running_entry(request));
  if (entry.source != request.facts.boot.grub_config.source()) {
    return entry_of_files(entry, words_for(request, entry));
  }
  std::optional<std::string> text = menu_entry_text(menu, entry.id);
  if (text) text = changed_entry(*text, words_for(request, entry));
  if (text) return *text;
  return unsupported_trial({N_("The entry “{title}” of GRUB's menu is not written as grub-mkconfig "
                               "does it; none is made after it."),
                            {{"title", printable(entry.title)}}});
}

}  // namespace

std::optional<std::string> menu_entry_text(std::string_view config, std::string_view id) {
  if (id.empty()) return std::nullopt;
  const std::string mark = format(" $menuentry_id_option '{}' {{", id);
  std::string text;
  for (const std::string_view line : lines(config)) {
    const std::string_view bare = trim(line);
    if (text.empty()) {
      if (!bare.starts_with("menuentry ") || !bare.ends_with(mark)) continue;
    } else if (bare.starts_with("menuentry ") || bare.starts_with("submenu ")) {
      return std::nullopt;
    }
    text += std::string(bare) + "\n";
    if (bare == "}") return text;
  }
  return std::nullopt;
}

Result<TrialEntry> try_with_grub(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  if (const Unreadable* why = request.facts.boot.grub_config.unreadable()) {
    return closed_to_trial(why->path);
  }
  const std::string* menu = text_of(request, request.facts.boot.grub_config.source());
  if (menu == nullptr || menu->find("custom.cfg") == std::string::npos) {
    return unsupported_trial(
        {N_("GRUB's menu on this system reads no entries of others "
            "(custom.cfg).")});
  }
  const GrubEnvironment environment = request.facts.boot.grub_environment.value_or({});
  const auto pending = environment.find("next_entry");
  if (pending != environment.end() && !pending->second.empty()) {
    Error error;
    error.code = ErrorCode::Conflict;
    error.message = {N_("GRUB is to start “{entry}” next time already; somebody else wants that."),
                     {{"entry", printable(pending->second)}}};
    error.remedy = {N_("Restart first, then run the command again.")};
    return error;
  }
  TrialEntry trial;
  trial.title = kTrialTitle;
  trial.changes.push_back(custom_menu(request, TRY(trial_text(request, *menu))));
  if (auto why = why_not_once(request.facts.boot, *menu)) {
    trial.why_not_once = std::move(*why);
    return trial;
  }
  trial.once = true;
  trial.changes.push_back(TRY(next_entry(request)));
  return trial;
}

}  // namespace cleave
