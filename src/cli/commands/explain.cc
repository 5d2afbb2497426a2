// cleave explain: notes in the margin of logs, configurations and listings.
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/render/explain_text.h"
#include "cli/render/translate.h"
#include "host/file_host.h"

namespace cleave {
namespace {

constexpr std::size_t kLargestFile = std::size_t{64} << 20U;

Error too_large(const std::string& path) {
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message = {N_("{path} is larger than 64 MiB; that is the most that is looked at."),
                   {{"path", printable(path)}}};
  error.path = path;
  error.remedy = Message(N_("Take a part of it: journalctl -k -b, or head and tail."));
  return error;
}

Result<std::string> read_standard_input() {
  constexpr std::size_t kStep = std::size_t{64} << 10U;
  std::string bytes;
  std::string step(kStep, '\0');
  while (bytes.size() <= kLargestFile) {
    const std::size_t got = std::fread(step.data(), 1, step.size(), stdin);
    bytes.append(step, 0, got);
    if (got == 0) break;
  }
  if (std::ferror(stdin) != 0) {
    return system_error(errno, Message(N_("Could not read standard input")), "-");
  }
  if (bytes.size() > kLargestFile) return too_large("-");
  return bytes;
}

// A file that may not be read is a failure as any other: sudo is not the usual cure for a file
// that somebody pasted.
Error unreadable(Error error) {
  if (error.code == ErrorCode::Denied) error.code = ErrorCode::Io;
  return error;
}

Result<std::string> read_named(const std::string& name) {
  if (name == "-") return read_standard_input();
  std::error_code problem;
  const std::filesystem::path path = std::filesystem::absolute(name, problem);
  const auto size = std::filesystem::file_size(path, problem);
  if (!problem && size > kLargestFile) return too_large(name);
  Result<std::string> bytes = live_host()->read_file(path.string(), kLargestFile);
  if (!bytes) return unreadable(std::move(bytes).error());
  return bytes;
}

Result<ExitStatus> run_explain(CommandContext& context) {
  std::vector<ExplainedFile> files;
  bool recognised = false;
  for (const std::string& name : context.arguments().all("FILE")) {
    files.push_back(explain_file(name, TRY(read_named(name))));
    recognised = recognised || files.back().explainer != nullptr;
  }
  context.print_json(context.wants_json() ? explain_json(files) : Json());
  const ExplainStyle style = {.width = std::min<std::size_t>(terminal_width(), 100),
                              .colour = colour_allowed(),
                              .all_lines = context.arguments().has("--all")};
  for (const ExplainedFile& file : files) {
    if (context.wants_json()) break;
    if (&file != &files.front()) context.say_text("");
    std::string text = explain_text(file, style);
    if (text.ends_with('\n')) text.pop_back();
    context.say_text(text);
  }
  return recognised ? ExitStatus::Done : ExitStatus::NotReady;
}

}  // namespace

const Command kExplainCommand = {
    .name = "explain",
    .summary = N_("Says what the lines of a log, a kernel configuration or an lspci listing mean"),
    .options = {{.name = "--all",
                 .value = nullptr,
                 .help = N_("show every line of a long file, not only those with notes")}},
    .positionals = {{.name = "FILE",
                     .help =
                         N_("kernel log, kernel configuration, /etc/default/grub, command line, "
                            "lspci text, QEMU log, vGPU description; - is standard input"),
                     .repeatable = true}},
    .run = run_explain,
};

}  // namespace cleave
