// /etc/default/grub and its drop-ins: what the kernel will be told, and traps on the way there.
#include <algorithm>

#include "analysis/explain/kernel_arguments.h"
#include "analysis/explain/kinds.h"
#include "base/order.h"
#include "base/text.h"
#include "facts/grub_defaults.h"

namespace cleave {
namespace {

constexpr std::string_view kEveryEntry = "GRUB_CMDLINE_LINUX";
constexpr std::string_view kNormalEntry = "GRUB_CMDLINE_LINUX_DEFAULT";

std::string_view assigned_name(std::string_view line) {
  line = trim(line);
  if (line.starts_with("export ")) line = trim(line.substr(7));
  const std::size_t equals = line.find('=');
  if (!line.starts_with("GRUB_") || equals == std::string_view::npos) return {};
  std::string_view name = line.substr(0, equals);
  if (name.ends_with('+')) name.remove_suffix(1);
  return name.find_first_of(" \t\"'$[") == std::string_view::npos ? name : std::string_view();
}

unsigned recognise_grub(std::string_view bytes) {
  constexpr std::size_t kLooksAt = 2000;
  std::size_t assignments = 0;
  std::size_t other = 0;
  for (std::size_t i = 0; i < kLooksAt && !bytes.empty(); ++i) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = trim(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (line.starts_with("menuentry ")) return 0;  // grub.cfg, which another program wrote
    if (!assigned_name(line).empty()) {
      ++assignments;
    } else if (!line.empty() && !line.starts_with('#')) {
      ++other;
    }
  }
  if (assignments == 0) return 0;
  if (assignments >= other) return assignments >= 2 ? 94 : 84;
  return assignments * 4 >= other ? 60 : 20;
}

Message problem_meaning(const GrubProblem& problem) {
  const std::vector<Field> fields = {{"name", printable(problem.name)}};
  switch (problem.kind) {
    case GrubProblem::Kind::Append:
      return {N_("+= on {name} is a word of bash. Debian and Ubuntu read this file with another "
                 "shell, which stops here: update-grub fails."),
              fields};
    case GrubProblem::Kind::Command:
      return {N_("This runs a command ({name}) every time when GRUB's menu is written."), fields};
    case GrubProblem::Kind::Temporary:
      return {N_("The blank ends the value, and the next word is run as a command: {name} is not "
                 "set by this line."),
              fields};
    case GrubProblem::Kind::Unknown:
      return {N_("Only the shell of that machine knows what {name} becomes here."), fields};
    case GrubProblem::Kind::OpenQuote:
      return Message(N_("A quote is never closed: what follows is not read."));
    case GrubProblem::Kind::TooMuch:
      return Message(N_("The file is too large to be followed."));
  }
  return {};
}

Message problem_action(const GrubProblem& problem) {
  const std::vector<Field> fields = {{"name", printable(problem.name)}};
  switch (problem.kind) {
    case GrubProblem::Kind::Append:
      return {N_("Write {name}=\"${name} …\" instead."), fields};
    case GrubProblem::Kind::Temporary:
      return Message(N_("Put the value in quotes."));
    case GrubProblem::Kind::OpenQuote:
      return Message(N_("Close the quote."));
    default:
      return {};
  }
}

const char* problem_id(GrubProblem::Kind kind) {
  switch (kind) {
    case GrubProblem::Kind::Append:
      return "grub.append";
    case GrubProblem::Kind::Command:
      return "grub.command";
    case GrubProblem::Kind::Temporary:
      return "grub.not_set";
    case GrubProblem::Kind::Unknown:
      return "grub.unknown";
    case GrubProblem::Kind::OpenQuote:
      return "grub.open_quote";
    case GrubProblem::Kind::TooMuch:
      return "grub.too_much";
  }
  return "grub.unknown";
}

Severity problem_severity(const GrubProblem& problem) {
  switch (problem.kind) {
    case GrubProblem::Kind::Append:
    case GrubProblem::Kind::TooMuch:
      return Severity::Warning;
    case GrubProblem::Kind::Temporary:
    case GrubProblem::Kind::OpenQuote:
      return Severity::Problem;
    case GrubProblem::Kind::Command:
    case GrubProblem::Kind::Unknown:
      return Severity::Note;
  }
  return Severity::Note;
}

void annotate_problem(const GrubProblem& problem, std::vector<Annotation>& annotations) {
  annotations.push_back({.line = problem.line,
                         .id = problem_id(problem.kind),
                         .severity = problem_severity(problem),
                         .meaning = problem_meaning(problem),
                         .action = problem_action(problem),
                         .arguments = {{"name", printable(problem.name)}}});
}

// What the two variables are for, at the line that decides them, and the arguments in them.
void annotate_variable(std::string_view name, const char* meaning, const GrubDefaults& defaults,
                       std::vector<Annotation>& annotations) {
  const auto found = defaults.variables.find(name);
  if (found == defaults.variables.end()) return;
  const std::string value = printable(found->second.value.value_or("?"));
  const std::vector<Field> fields = {{"name", name}, {"value", value}};
  annotations.push_back({.line = found->second.line,
                         .id = "grub." + lower_case(name.substr(5)),
                         .severity = Severity::Note,
                         .meaning = {meaning, fields},
                         .action = {},
                         .arguments = fields});
  if (found->second.value) {
    annotate_arguments(*found->second.value, found->second.line, annotations);
  }
}

void annotate_menu(const GrubDefaults& defaults, std::vector<Annotation>& annotations) {
  if (defaults.value_of("GRUB_ENABLE_BLSCFG") == "true") {
    annotations.push_back(
        {.line = defaults.variables.find("GRUB_ENABLE_BLSCFG")->second.line,
         .id = "grub.blscfg",
         .severity = Severity::Warning,
         .meaning = Message(N_("The menu comes from /boot/loader/entries: a change of this file "
                               "alone does not reach the kernels that are installed.")),
         .action = Message(N_("Change the arguments with grubby --update-kernel=ALL.")),
         .arguments = {}});
  }
}

Explanation explain_grub(std::string_view bytes) {
  Explanation explanation;
  const GrubDefaults defaults = parse_grub_defaults(bytes);
  annotate_variable(kNormalEntry,
                    N_("Given to the normal entries of the menu, not to the recovery entries: the "
                       "right place for arguments about the GPU."),
                    defaults, explanation.annotations);
  annotate_variable(kEveryEntry,
                    N_("Given to every entry of the menu, the recovery entries too: arguments "
                       "about the GPU stand better in GRUB_CMDLINE_LINUX_DEFAULT."),
                    defaults, explanation.annotations);
  annotate_menu(defaults, explanation.annotations);
  for (const GrubProblem& problem : defaults.problems) {
    annotate_problem(problem, explanation.annotations);
  }
  sort_keeping_order(explanation.annotations, &Annotation::line);
  explanation.decoded = Json::object();
  for (const auto& [name, variable] : defaults.variables) {
    explanation.decoded.set(printable(name),
                            variable.value ? Json(printable(*variable.value)) : Json());
  }
  return explanation;
}

}  // namespace

const Explainer kGrubExplainer = {.kind = "grub",
                                  .title = N_("GRUB's settings"),
                                  .recognise = recognise_grub,
                                  .explain = explain_grub};

}  // namespace cleave
