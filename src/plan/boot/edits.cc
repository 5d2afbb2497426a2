#include "plan/boot/edits.h"

#include <algorithm>

#include "base/text.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

// Where the text of a line ends, without blanks and without the end of the line.
std::size_t end_of_text(std::string_view text, std::size_t from) {
  std::size_t end = std::min(text.find('\n', from), text.size());
  while (end > from && std::string_view(" \t\r").find(text[end - 1]) != std::string_view::npos) {
    --end;
  }
  return end;
}

}  // namespace

bool is_command_line(std::string_view line) {
  const std::string_view text = trim(line);
  return !text.empty() && !text.starts_with('#');
}

bool is_options_line(std::string_view line) {
  const auto parts = words(line);
  return !parts.empty() && parts.front() == "options";
}

std::optional<std::string> append_to_line(std::string_view text,
                                          bool (*is_wanted)(std::string_view line),
                                          const std::vector<std::string>& words) {
  std::optional<std::size_t> end;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t newline = std::min(text.find('\n', at), text.size());
    if (is_wanted(text.substr(at, newline - at))) end = end_of_text(text, at);
    at = newline + 1;
  }
  if (!end) return std::nullopt;
  std::string changed(text);
  changed.insert(*end, " " + join(words, " "));
  return changed;
}

Change write_words(std::string path, std::string_view before, std::string content,
                   const std::vector<std::string>& words) {
  Change change;
  change.id = "boot.arguments";
  change.summary = {N_("Give the kernel {words} from the next start on"),
                    {{"words", join(words, " ")}}};
  change.reason = {N_("{path} is where its arguments come from."), {{"path", path}}};
  WriteFile file;
  file.path = std::move(path);
  file.content = std::move(content);
  file.expected_before = content_hash(before);
  file.own = WriteFile::Own::Words;
  file.words = words;
  change.effect = std::move(file);
  change.needs_reboot = true;
  change.permanent = true;
  return change;
}

const std::string* text_of(const ArgumentsRequest& request, std::string_view path) {
  const auto found = request.texts.find(path);
  return found == request.texts.end() ? nullptr : &found->second;
}

Result<std::optional<Change>> add_to_file(const ArgumentsRequest& request, const std::string& path,
                                          std::string_view command_line,
                                          bool (*is_wanted)(std::string_view line)) {
  const std::vector<std::string> missing = words_to_add(command_line, request.words);
  if (missing.empty()) return std::optional<Change>();
  const std::string* text = text_of(request, path);
  std::optional<std::string> content;
  if (text != nullptr) content = append_to_line(*text, is_wanted, missing);
  if (!content) {
    Error error;
    error.code = ErrorCode::Conflict;
    error.message = {N_("{path} has no line for the kernel's arguments; it was not touched."),
                     {{"path", path}}};
    error.path = path;
    return error;
  }
  return std::optional<Change>(write_words(path, *text, std::move(*content), missing));
}

namespace {

// The entry with every driver in its image, for when the usual one does not start (mkinitcpio's
// presets): it stays as it is, as one that is for repairing.
bool is_fallback(const BootEntry& entry) { return entry.id.find("fallback") != std::string::npos; }

}  // namespace

std::string entry_path_now(std::string_view path, const std::vector<std::string>& names) {
  const std::size_t name = path.rfind('/') + 1;
  const std::string id = entry_id(path.substr(name));
  for (const std::string& other : names) {
    if (other.ends_with(".conf") && entry_id(other) == id) {
      return std::string(path.substr(0, name)) + other;
    }
  }
  return {};
}

Result<std::vector<Change>> add_to_entries(const ArgumentsRequest& request) {
  std::vector<Change> changes;
  bool any = false;
  for (const LoaderPlace& place : request.facts.boot.places) {
    if (const Unreadable* unread = place.entries.unreadable()) {
      Error error;
      error.code = ErrorCode::Denied;
      error.message = {N_("The boot entries could not be read: {why}"), {{"why", unread->why}}};
      error.path = unread->path;
      return error;
    }
    for (const BootEntry& entry : place.entries.value_or({})) {
      if (entry.recovery || entry.unified || entry.kernel.empty()) continue;
      if (is_fallback(entry)) continue;
      any = true;
      if (entry.arguments.find('$') != std::string::npos) {
        Error error;
        error.code = ErrorCode::Conflict;
        error.message = {N_("The arguments of {path} stand in variables of GRUB; it was not "
                            "touched."),
                         {{"path", entry.source}}};
        error.path = entry.source;
        return error;
      }
      std::optional<Change> change =
          TRY(add_to_file(request, entry.source, entry.arguments, is_options_line));
      if (change) changes.push_back(std::move(*change));
    }
  }
  if (any) return changes;
  Error error;
  error.code = ErrorCode::Conflict;
  error.message = Message(N_("No boot entry was found that starts this system."));
  return error;
}

std::vector<Change> with_tool(std::vector<Change> changes, std::vector<std::string> command,
                              Message summary) {
  if (changes.empty()) return changes;
  const auto change = [&](RunCommand effect) {
    return Change{.id = "boot.tool",
                  .summary = summary,
                  .reason = {N_("The loader reads what this tool writes.")},
                  .effect = std::move(effect),
                  .needs_root = true,
                  .needs_reboot = true,
                  .permanent = true};
  };
  // Undone last, when the files are back.
  changes.insert(changes.begin(), change({.argv = {}, .undo_argv = command}));
  changes.push_back(change({.argv = std::move(command), .undo_argv = {}}));
  return changes;
}

}  // namespace cleave
