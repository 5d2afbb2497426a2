// What the loaders' files have in common: words at the end of a line, and changes that write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/boot/loader.h"

namespace cleave {

// The text with `words` at the end of its last line that `is_wanted` accepts, behind one blank;
// every other byte stays. Empty: there is no such line.
std::optional<std::string> append_to_line(std::string_view text,
                                          bool (*is_wanted)(std::string_view line),
                                          const std::vector<std::string>& words);

// Of /etc/kernel/cmdline and its kind: the last line that is neither empty nor a comment.
bool is_command_line(std::string_view line);
// Of a loader entry: "options root=…" (Boot Loader Specification, type 1).
bool is_options_line(std::string_view line);

// A change that writes `content` into `path`, whose text was `before`; of the file only `words` are
// cleave's own.
Change write_words(std::string path, std::string_view before, std::string content,
                   const std::vector<std::string>& words);

// The content of a file that the request has; empty if it has not.
const std::string* text_of(const ArgumentsRequest& request, std::string_view path);

// The change that adds to the file `path` those of the request's words that `command_line`, which
// is what the file says, lacks. Empty optional: none is lacking. Conflict if there is no line for
// them.
Result<std::optional<Change>> add_to_file(const ArgumentsRequest& request, const std::string& path,
                                          std::string_view command_line,
                                          bool (*is_wanted)(std::string_view line));

// The same for every normal entry of loader/entries. Conflict where an entry's arguments stand in
// variables of GRUB, or where there is no entry; Denied where they could not be read.
Result<std::vector<Change>> add_to_entries(const ArgumentsRequest& request);

// Puts a tool between: `command` runs behind `changes`, and behind their undo. Nothing if there are
// no changes.
std::vector<Change> with_tool(std::vector<Change> changes, std::vector<std::string> command,
                              Message summary);

}  // namespace cleave
