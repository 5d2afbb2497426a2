#include "plan/boot/trial.h"

#include <algorithm>
#include <utility>

#include "facts/boot_menu.h"

namespace cleave {

Error unsupported_trial(Message why) {
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message = std::move(why);
  error.remedy = {
      N_("“cleave setup --no-trial” makes the change for good; “cleave setup --undo” "
         "takes it back.")};
  return error;
}

Change trial_entry_change(WriteFile file) {
  return {.id = "trial.entry",
          .summary = {N_("Add an entry to the boot menu: {title}"), {{"title", kTrialTitle}}},
          .reason = {N_("It starts what runs now, with the changed arguments; all other entries "
                        "stay as they are.")},
          .effect = std::move(file),
          .needs_root = true,
          .needs_reboot = true,
          .permanent = true};
}

Change next_start_change(Message reason, Effect effect) {
  return {.id = "trial.once",
          .summary = {N_("Start that entry next time, and only then")},
          .reason = std::move(reason),
          .effect = std::move(effect),
          .needs_root = true,
          .needs_reboot = true,
          .permanent = true};
}

Error closed_to_trial(const std::string& path) {
  Error error = error_of(ErrorCode::Denied, {N_("{path} could not be read."), {{"path", path}}},
                         {N_("Run the same command again with sudo: sudo cleave …")});
  error.path = path;
  return error;
}

std::vector<std::string> words_for(const ArgumentsRequest& request, const BootEntry& entry) {
  return words_to_add(entry.arguments, request.words);
}

Error no_trial(const ArgumentsRequest& request) {
  return unsupported_trial({N_("With this boot loader ({name}) no start can be tried once."),
                            {{"name", request.loader.name}}});
}

Result<TrialEntry> try_with_own_loader(const ArgumentsRequest& request) {
  if (request.loader.kind == LoaderKind::Grub) return try_with_grub(request);
  if (request.loader.kind == LoaderKind::SystemdBoot) return try_with_systemd_boot(request);
  return no_trial(request);
}

namespace {

// Nothing differs but words that are to be tried and stand in the entry already.
bool is_only(const CommandLineDifference& difference, const std::vector<std::string>& words) {
  return difference.additional.empty() && difference.reordered.empty() &&
         std::ranges::all_of(difference.missing, [&words](const std::string& word) {
           return std::ranges::find(words, word) != words.end();
         });
}

}  // namespace

Result<BootEntry> running_entry(const ArgumentsRequest& request) {
  const BootLoader& loader = request.loader;
  const auto all = menu_entries(request.facts, loader.kind, loader.writer);
  const KernelCommandLine* running = request.facts.kernel.command_line.value();
  for (const BootEntry& entry : entries_of_running(request.facts, loader.kind, all)) {
    if (entry.recovery || entry.unified || entry.kernel.empty() || running == nullptr) continue;
    if (entry.arguments.find('$') != std::string::npos) continue;
    const CommandLineDifference difference =
        compare_command_lines(entry.arguments, running->text, false, entry.possible);
    if (is_only(difference, request.words)) return entry;
  }
  return unsupported_trial(
      {N_("No entry of the boot menu is the one that started this system, so none can be tried "
          "with a change.")});
}

}  // namespace cleave
