#include "analysis/rules/guests.h"

#include <algorithm>

#include "analysis/intel_gpu.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kMostNames = 5;

std::string name_of(const GuestUse& use) {
  const std::string& name = use.settings->name;
  return name.empty() ? "?" : printable(name);
}

}  // namespace

Outcome ask_guests(const Subject& subject,
                   GuestAnswer (*ask)(const Subject& subject, const GuestUse& use)) {
  Outcome outcome;
  std::vector<std::string> names;
  // Worst last: Pass, Unknown, Fail.
  const auto weight = [](OutcomeKind kind) {
    return kind == OutcomeKind::Fail      ? 3
           : kind == OutcomeKind::Unknown ? 2
           : kind == OutcomeKind::Pass    ? 1
                                          : 0;
  };
  for (const GuestUse& use : guests_of(subject.facts, *subject.gpu)) {
    GuestAnswer answer = ask(subject, use);
    if (answer.kind == OutcomeKind::NotApplicable || weight(answer.kind) < weight(outcome.kind)) {
      continue;
    }
    if (weight(answer.kind) > weight(outcome.kind)) {
      outcome.kind = answer.kind;
      outcome.evidence.clear();
      names.clear();
    }
    const std::string& source = answer.source.empty() ? use.machine->place : answer.source;
    outcome.evidence.push_back({source, name_of(use) + ": " + answer.text});
    const bool is_new = std::ranges::find(names, name_of(use)) == names.end();
    if (is_new && names.size() < kMostNames) names.push_back(name_of(use));
  }
  if (outcome.kind != OutcomeKind::NotApplicable) {
    outcome.arguments.emplace_back("vm", join(names, ", "));
  }
  return outcome;
}

GuestAnswer good(std::string text) {
  return {.kind = OutcomeKind::Pass, .text = std::move(text), .source = {}};
}

GuestAnswer bad(std::string text) {
  return {.kind = OutcomeKind::Fail, .text = std::move(text), .source = {}};
}

GuestAnswer not_given(const GuestUse& use, std::string text) {
  if (use.settings->unknown.empty()) return bad(std::move(text));
  return not_known(use.settings->unknown.front() + " was not read");
}

GuestAnswer not_known(std::string text, std::string source) {
  return {.kind = OutcomeKind::Unknown, .text = std::move(text), .source = std::move(source)};
}

bool is_gvt_g(const Subject& subject, const GuestUse& use) {
  return use.share == GuestShare::Vgpu && subject.gpu->vendor_id == kIntelVendorId;
}

bool is_shown(const GuestUse& use) {
  return use.share == GuestShare::Vgpu && use.device->display == true;
}

}  // namespace cleave
