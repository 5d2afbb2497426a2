#include "plan/host_files.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

struct FileKind {
  HostFile file;
  const char* path;
  const char* id;       // of the change
  const char* heading;  // what the file's lines belong to; empty: nothing
  const char* summary;  // N_: with {lines}
  bool restart;         // counts from the next start on
};

// Behind 50-udev-default.rules, which gives the nodes their usual group; limits.d and units'
// drop-ins are read in the order of their names, and the last one counts.
constexpr std::array<FileKind, 5> kKinds = {
    FileKind{HostFile::ModulesLoad, "/etc/modules-load.d/cleave.conf", "modules.load", "",
             N_("Load at every start: {lines}"), true},
    FileKind{HostFile::Modprobe, "/etc/modprobe.d/cleave.conf", "modules.options", "",
             N_("Set options of modules: {lines}"), true},
    FileKind{HostFile::Udev, "/etc/udev/rules.d/90-cleave.rules", "devices.rules", "",
             N_("Have udev do this with devices when they appear: {lines}"), true},
    FileKind{HostFile::Limits, "/etc/security/limits.d/90-cleave.conf", "limits.memory_lock", "",
             N_("Let them lock memory for guests, from the next login on: {lines}"), false},
    FileKind{HostFile::UserManager, "/etc/systemd/system/user@.service.d/90-cleave.conf",
             "limits.user_manager", "[Service]\n",
             N_("The same for what is started from a desktop: {lines}"), true}};

const FileKind& kind_of(HostFile file) { return *std::ranges::find(kKinds, file, &FileKind::file); }

bool has_line(std::string_view text, std::string_view wanted) {
  return std::ranges::any_of(lines(text),
                             [&](std::string_view line) { return trim(line) == wanted; });
}

std::optional<Change> change_for(const FileKind& kind, const std::vector<const HostLine*>& wanted,
                                 const std::string* before) {
  const std::string text = before == nullptr ? std::string() : *before;
  std::vector<std::string> missing;
  for (const HostLine* line : wanted) {
    if (!has_line(text, line->line)) missing.push_back(line->line);
  }
  if (missing.empty()) return std::nullopt;
  // What an earlier set-up wrote stays.
  std::string block = block_of(text).value_or(kind.heading);
  for (const std::string& line : missing) block += line + "\n";

  Change change;
  change.id = kind.id;
  change.summary = {kind.summary, {{"lines", join(missing, "; ")}}};
  for (const HostLine* line : wanted) {
    if (line->line == missing.front()) change.reason = line->reason;
  }
  WriteFile file;
  file.path = kind.path;
  file.content = with_block(text, block);
  file.expected_before = before == nullptr ? kAbsentFile : content_hash(*before);
  file.own = WriteFile::Own::Block;
  change.effect = std::move(file);
  change.needs_reboot = kind.restart;
  change.permanent = true;
  return change;
}

}  // namespace

const char* path_of(HostFile file) { return kind_of(file).path; }

std::vector<std::string> host_file_paths() {
  std::vector<std::string> paths;
  for (const FileKind& kind : kKinds) paths.emplace_back(kind.path);
  return paths;
}

std::vector<Change> host_file_changes(
    const std::vector<HostLine>& lines,
    const std::map<std::string, std::string, std::less<>>& texts) {
  std::vector<Change> changes;
  for (const FileKind& kind : kKinds) {
    std::vector<const HostLine*> wanted;
    for (const HostLine& line : lines) {
      if (line.file == kind.file) wanted.push_back(&line);
    }
    if (wanted.empty()) continue;
    const auto text = texts.find(std::string_view(kind.path));
    auto change = change_for(kind, wanted, text == texts.end() ? nullptr : &text->second);
    if (change) changes.push_back(std::move(*change));
  }
  return changes;
}

}  // namespace cleave
