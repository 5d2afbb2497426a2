// cleave explain: notes in the margin of logs, configurations and listings.
#include <chrono>

#include "cli/commands/all.h"
#include "cli/input.h"
#include "cli/render/explain_text.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

constexpr std::size_t kLargestFile = std::size_t{64} << 20U;

// A program that writes into a pipe (dmesg, journalctl) begins long before that.
constexpr std::chrono::seconds kPatience{30};

Result<ExitStatus> run_explain(CommandContext& context) {
  std::vector<ExplainedFile> files;
  bool recognised = false;
  for (const std::string& name : context.arguments().all("FILE")) {
    files.push_back(explain_file(name, TRY(read_input(name, kLargestFile, kPatience))));
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
