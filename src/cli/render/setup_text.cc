#include "cli/render/setup_text.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "base/text.h"
#include "cli/render/translate.h"
#include "plan/host_files.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

using Lines = std::vector<std::string>;

void add_wrapped(Lines& all, const std::string& text, std::size_t width, std::size_t indent) {
  const std::string wrapped = wrap(std::string(indent, ' ') + text, width, indent);
  for (const std::string_view line : lines(wrapped)) all.emplace_back(line);
}

void add(Lines& all, const Message& message, std::size_t width, std::size_t indent = 0) {
  if (!message.empty()) add_wrapped(all, translate(message), width, indent);
}

void add_cost(Lines& all, const Message& cost, std::size_t width) {
  if (cost.empty()) return;
  add(all, {N_("What it costs: {cost}"), {{"cost", translate(cost)}}}, width, 4);
}

void add_why(Lines& all, const std::string& what, const Message& reason, const Message& cost,
             std::size_t width) {
  add_wrapped(all, format("{}: {}", what, translate(reason)), width, 4);
  add_cost(all, cost, width);
}

// A reason for each line that the change adds; it need not be said of which where there is one.
void add_reasons(Lines& all, const Change& change, const Preparation& preparation,
                 std::size_t width) {
  const auto* file = std::get_if<WriteFile>(&change.effect);
  std::vector<const HostLine*> own;
  for (const HostLine& line : preparation.lines) {
    if (file != nullptr && file->path == path_of(line.file)) own.push_back(&line);
  }
  if (own.empty()) add(all, change.reason, width, 4);
  for (const HostLine* line : own) {
    if (own.size() > 1) {
      add_why(all, line->line, line->reason, line->cost, width);
      continue;
    }
    add(all, line->reason, width, 4);
    add_cost(all, line->cost, width);
  }
}

// Once, whatever the number of files that the arguments stand in.
void add_arguments(Lines& all, const PreparedSetup& setup, std::size_t width) {
  const bool any = std::ranges::any_of(
      setup.plan.changes, [](const Change& change) { return change.id == "boot.arguments"; });
  if (!any) return;
  add(all, {N_("Give the kernel more arguments from the next start on:")}, width, 2);
  for (const KernelWord& word : setup.preparation.arguments) {
    add_why(all, word.word, word.reason, word.cost, width);
  }
}

void add_file(Lines& all, const WriteFile& file, const FileTexts& texts) {
  const auto before = texts.find(file.path);
  const bool is_new = before == texts.end();
  all.push_back(format("  {}{}", printable(file.path),
                       is_new ? " " + translate({N_("(new)")}) : std::string()));
  for (const std::string& line :
       difference_lines(is_new ? std::string_view() : before->second, file.content)) {
    const bool mark = line.ends_with(kBlockBegin) || line.ends_with(kBlockEnd);
    if (!mark) all.push_back("    " + printable(line));
  }
}

void add_change(Lines& all, const Change& change, const FileTexts& texts) {
  if (const auto* file = std::get_if<WriteFile>(&change.effect)) {
    add_file(all, *file, texts);
    return;
  }
  const std::string text = effect_text(change.effect);
  if (!text.empty()) all.push_back("  " + text);
}

bool is_shown(const Change& change) {
  return std::holds_alternative<WriteFile>(change.effect) || !effect_text(change.effect).empty();
}

std::string state_text(ChangeState state) {
  switch (state) {
    case ChangeState::InPlace:
      return translate({N_("in place")});
    case ChangeState::Edited:
      return translate({N_("in place; somebody edited the file since")});
    case ChangeState::Missing:
      return translate({N_("not there any more")});
    case ChangeState::Unknown:
      break;
  }
  return translate({N_("done; it cannot be looked at")});
}

}  // namespace

std::vector<std::string> difference_lines(std::string_view before, std::string_view after) {
  const auto old_lines = lines(before);
  const auto new_lines = lines(after);
  const std::size_t most = std::min(old_lines.size(), new_lines.size());
  std::size_t start = 0;
  while (start < most && old_lines[start] == new_lines[start]) ++start;
  std::size_t end = 0;
  while (end < most - start &&
         old_lines[old_lines.size() - 1 - end] == new_lines[new_lines.size() - 1 - end]) {
    ++end;
  }
  Lines all;
  for (std::size_t i = start; i < old_lines.size() - end; ++i) {
    all.push_back("- " + std::string(old_lines[i]));
  }
  for (std::size_t i = start; i < new_lines.size() - end; ++i) {
    all.push_back("+ " + std::string(new_lines[i]));
  }
  return all;
}

std::vector<std::string> setup_lines(const PreparedSetup& setup, std::size_t width) {
  Lines all;
  add(all, setup.plan.purpose, width);
  add_arguments(all, setup, width);
  for (const Change& change : setup.plan.changes) {
    if (!is_shown(change)) continue;
    add_change(all, change, setup.texts);
    add_reasons(all, change, setup.preparation, width);
  }
  for (const Message& remark : setup.preparation.remarks) add(all, remark, width, 2);
  return all;
}

std::vector<std::string> trial_lines(const PreparedTrial& trial, const FileTexts& texts,
                                     std::size_t width) {
  Lines all;
  add(all, trial.plan.purpose, width);
  const Message* last = nullptr;
  for (const Change& change : trial.plan.changes) {
    if (last == nullptr || *last != change.summary) add(all, change.summary, width, 2);
    last = &change.summary;
    // Of what goes away again when the trial is over, the names.
    if (change.id == "trial.entry") {
      add_change(all, change, texts);
    } else {
      const auto* file = std::get_if<WriteFile>(&change.effect);
      add_wrapped(all, file != nullptr ? printable(file->path) : effect_text(change.effect), width,
                  4);
    }
    add(all, change.reason, width, 4);
  }
  return all;
}

std::vector<std::string> status_lines(const SetupStatus& status, std::size_t width) {
  Lines all;
  for (const SetupTransaction& applied : status.applied) {
    add(all,
        {N_("Transaction {number}: {purpose}"),
         {{"number", applied.record.number}, {"purpose", translate(applied.record.plan.purpose)}}},
        width);
    for (std::size_t i = 0; i < applied.record.plan.changes.size(); ++i) {
      const Change& change = applied.record.plan.changes[i];
      if (!is_shown(change)) continue;
      add_wrapped(all, format("{} – {}", effect_text(change.effect), state_text(applied.states[i])),
                  width, 2);
    }
  }
  for (const std::uint32_t number : status.open) {
    add(all,
        {N_("Transaction {number} is at work right now, or was interrupted; then the next set-up "
            "or undo takes it back."),
         {{"number", number}}},
        width);
  }
  if (!status.waiting.empty()) {
    add(all,
        {N_("A restart is needed before these count: {words}"),
         {{"words", join(status.waiting, " ")}}},
        width);
  }
  return all;
}

std::vector<std::string> trial_report_lines(const TrialReport& report, std::size_t width) {
  Lines all;
  if (report.result == TrialResult::Confirmed) {
    add(all,
        {N_("cleave: {way} worked at the start that tried it, and is set up for good."),
         {{"way", report.way}}},
        width);
  }
  if (report.result != TrialResult::Failed) return all;
  add(all,
      {N_("cleave: {way} was tried and did not work; everything is as it was before."),
       {{"way", report.way}}},
      width);
  for (const Message& reason : report.reasons) add(all, reason, width, 2);
  if (report.restart) {
    add(all, {N_("Restart to leave the start that tried it.")}, width, 2);
  }
  add(all, {N_("“cleave doctor --way {way}” tells more."), {{"way", report.way}}}, width, 2);
  return all;
}

}  // namespace cleave
