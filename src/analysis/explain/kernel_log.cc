// The kernel's log: notes for the messages of log_messages/, and what they come to.
#include "facts/kernel_log.h"

#include <algorithm>
#include <map>

#include "analysis/explain/kernel_arguments.h"
#include "analysis/explain/kinds.h"
#include "analysis/explain/log_messages/message.h"
#include "analysis/log_summary.h"
#include "base/text.h"

namespace cleave {
namespace {

// A flood of one message is told so often; then one note says that there are more.
constexpr std::size_t kMostOfOneKind = 200;

const LogMatcher& matcher() {
  static const LogMatcher kMatcher(kernel_messages());
  return kMatcher;
}

// In a log with prefixes a line without one is a person's, or the rest of a broken line; in one
// without prefixes a message begins behind nothing but the names of drivers and devices, which
// are short.
bool is_message(const KernelLogLine& line, const LogMatch& match, bool log_has_prefixes) {
  if (line.other_program) return false;
  if (line.prefixed) return true;
  if (log_has_prefixes && match.at != 0) {
    return line.text.substr(0, match.at).find("0000:") != std::string_view::npos;
  }
  constexpr std::size_t kMostWords = 4;  // "i915 0000:00:02.0: [drm] *ERROR* "
  return words(line.text.substr(0, match.at)).size() <= kMostWords;
}

bool has_prefixes(std::string_view bytes) {
  constexpr std::size_t kLooksAt = 500;
  KernelLogReader reader(bytes);
  for (std::size_t i = 0; i < kLooksAt; ++i) {
    const auto line = reader.next();
    if (!line) return false;
    if (line->prefixed) return true;
  }
  return false;
}

unsigned recognise_log(std::string_view bytes) {
  constexpr std::size_t kLooksAt = 2000;
  constexpr std::size_t kShort = 60;  // lines of an excerpt without prefixes
  std::size_t all = 0;
  std::size_t prefixed = 0;
  std::size_t messages = 0;
  KernelLogReader reader(bytes);
  for (; all < kLooksAt; ++all) {
    const auto line = reader.next();
    if (!line) break;
    if (line->prefixed && !line->other_program) ++prefixed;
    const auto match = matcher().match(line->text);
    if (match && is_message(*line, *match, false)) ++messages;
  }
  if (prefixed >= 3) return 90;
  if (prefixed > 0 && (messages > 0 || prefixed == all)) return 80;
  if (messages == 0) return 0;
  return messages * 10 >= all || all <= kShort ? 75 : 40;
}

Json fact_json(const Json& value, const LogEvidence& evidence) {
  if (evidence.line == 0) return {};
  return Json::object({{"value", value}, {"line", evidence.line}});
}

template <typename T>
Json fact_json(const LogFact<T>& fact) {
  return fact.value ? fact_json(Json(*fact.value), fact.evidence) : Json();
}

Json text_json(const LogFact<std::string>& fact) {
  return fact.value ? fact_json(printable(*fact.value), fact.evidence) : Json();
}

Json summary_json(const KernelLogSummary& summary) {
  Json json = Json::object();
  json.set("kernel_release", text_json(summary.release));
  json.set("command_line", text_json(summary.command_line));
  json.set("hypervisor", text_json(summary.hypervisor));
  json.set("iommu", summary.iommu.value
                        ? fact_json(iommu_state_name(*summary.iommu.value), summary.iommu.evidence)
                        : Json());
  json.set("dmar_table", fact_json(summary.dmar_table));
  json.set("ivrs_table", fact_json(summary.ivrs_table));
  json.set("graphics_excluded", fact_json(summary.graphics_excluded));
  json.set("gvt_g", summary.gvt_g.value
                        ? fact_json(gvt_state_name(*summary.gvt_g.value), summary.gvt_g.evidence)
                        : Json());
  Json drivers = Json::array();
  for (const GpuDriverFact& fact : summary.gpu_drivers) {
    drivers.push_back(Json::object({{"address", fact.address},
                                    {"driver", printable(fact.driver)},
                                    {"line", fact.evidence.line}}));
  }
  json.set("gpu_drivers", std::move(drivers));
  json.set("memlock_exceeded", fact_json(summary.memlock_exceeded));
  json.set("kvm_disabled_by_firmware", fact_json(summary.kvm_disabled_by_firmware));
  return json;
}

Annotation flood_note(const KernelLogLine& line, const LogMessage& message) {
  const std::vector<Field> fields = {{"id", message.id}, {"count", kMostOfOneKind}};
  return {.line = line.number,
          .id = "log.more_of_the_same",
          .severity = Severity::Note,
          .meaning = {N_("Further lines of this kind get no note: there were {count} already."),
                      fields},
          .action = {},
          .arguments = fields};
}

Explanation explain_log(std::string_view bytes) {
  Explanation explanation;
  const bool prefixes = has_prefixes(bytes);
  std::map<const LogMessage*, std::size_t> counts;
  bool arguments_told = false;
  KernelLogReader reader(bytes);
  while (const auto line = reader.next()) {
    const auto match = matcher().match(line->text);
    if (!match || !is_message(*line, *match, prefixes)) continue;
    const LogMessage& message = *match->message;
    const std::size_t count = ++counts[&message];
    if (count == kMostOfOneKind + 1) {
      explanation.annotations.push_back(flood_note(*line, message));
    }
    if (count > kMostOfOneKind) continue;
    explanation.annotations.push_back(log_annotation(*match, line->number));
    if (std::string_view(message.id).ends_with("command_line") && !arguments_told) {
      arguments_told = true;
      annotate_arguments(match->fields.front().value, line->number, explanation.annotations);
    }
  }
  explanation.decoded = summary_json(summarise_kernel_log(bytes));
  return explanation;
}

}  // namespace

const Explainer kKernelLogExplainer = {.kind = "kernel-log",
                                       .title = N_("a kernel log"),
                                       .recognise = recognise_log,
                                       .explain = explain_log};

}  // namespace cleave
