// Limine: with limine-entry-tool, which writes limine.conf from /etc/default/limine, or with a
// limine.conf that a person wrote.
#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "plan/boot/edits.h"
#include "plan/boot/loaders.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

constexpr const char* kDefaults = "/etc/default/limine";

// A block that appends to the arguments of every name there is: those of a name take the place of
// the default ones.
Result<std::string> lines_for(const LimineDefaults& defaults,
                              const std::vector<std::string>& wanted) {
  std::string lines;
  auto command_lines = defaults.command_lines;
  if (command_lines.empty()) command_lines["default"] = "";
  for (const auto& [name, value] : command_lines) {
    if (!value) {
      Error error;
      error.code = ErrorCode::Conflict;
      error.message = {N_("{path} sets the arguments of “{name}” in a way that only a shell could "
                          "follow; it was not touched."),
                       {{"path", kDefaults}, {"name", printable(name)}}};
      error.path = kDefaults;
      return error;
    }
    const std::vector<std::string> missing = words_to_add(*value, wanted);
    if (missing.empty()) continue;
    lines += format("KERNEL_CMDLINE[{}]+=\" {}\"\n", name, join(missing, " "));
  }
  return lines;
}

Result<std::vector<Change>> add_with_tool(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  const std::string* there = text_of(request, kDefaults);
  const std::string before = there == nullptr ? "" : *there;
  // What cleave's own block added before is written anew together with the rest.
  std::string lines = block_of(before).value_or("");
  lines += TRY(lines_for(request.facts.boot.limine_defaults.value_or({}), request.words));
  std::vector<Change> changes;
  if (lines == block_of(before).value_or("")) return changes;
  Change change = write_words(kDefaults, before, with_block(before, lines), request.words);
  auto& file = std::get<WriteFile>(change.effect);
  file.own = WriteFile::Own::Block;
  file.words.clear();
  if (there == nullptr) file.expected_before = kAbsentFile;
  changes.push_back(std::move(change));
  return with_tool(
      std::move(changes), {request.loader.command},
      {N_("Have {tool} write Limine's menu anew"), {{"tool", request.loader.command}}});
}

// "cmdline: quiet" of Limine 8, "KERNEL_CMDLINE=quiet" before; the value, empty for other lines.
std::optional<std::string_view> arguments_in(std::string_view line) {
  const std::size_t sign = line.find_first_of(":=");
  if (sign == std::string_view::npos) return std::nullopt;
  const std::string key = lower_case(trim(line.substr(0, sign)));
  if (key != "cmdline" && key != "kernel_cmdline") return std::nullopt;
  return trim(line.substr(sign + 1));
}

bool is_any_line(std::string_view /*line*/) { return true; }

Result<std::vector<Change>> add_by_hand(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  const std::string path = request.facts.boot.limine_config.source();
  const std::string* before = text_of(request, path);
  std::vector<Change> changes;
  if (before == nullptr) return changes;
  std::string after;
  for (std::size_t at = 0; at < before->size();) {
    const std::size_t end = std::min(before->find('\n', at), before->size() - 1) + 1;
    std::string line = before->substr(at, end - at);
    at = end;
    const auto arguments = arguments_in(line);
    if (arguments && !is_recovery("", *arguments)) {
      const std::vector<std::string> missing = words_to_add(*arguments, request.words);
      if (!missing.empty()) line = append_to_line(line, is_any_line, missing).value_or(line);
    }
    after += line;
  }
  if (after != *before) {
    changes.push_back(write_words(path, *before, std::move(after), request.words));
  }
  return changes;
}

}  // namespace

Loader limine_entry_tool_loader() {
  return {.writer = BootWriter::LimineEntryTool, .add_arguments = add_with_tool};
}
Loader limine_loader() {
  return {.writer = BootWriter::LimineByHand, .add_arguments = add_by_hand};
}

}  // namespace cleave
