#include "analysis/explain/kinds.h"

namespace cleave {

const char* severity_name(Severity severity) {
  switch (severity) {
    case Severity::Good:
      return "good";
    case Severity::Harmless:
      return "harmless";
    case Severity::Note:
      return "note";
    case Severity::Warning:
      return "warning";
    case Severity::Problem:
      return "problem";
  }
  return "note";
}

const std::vector<const Explainer*>& all_explainers() {
  static const std::vector<const Explainer*> kAll = {
      &kAcpiTableExplainer,  &kKernelLogExplainer,
      &kQemuLogExplainer,    &kKernelConfigExplainer,
      &kGrubExplainer,       &kKernelCommandLineExplainer,
      &kPciListingExplainer, &kMdevDescriptionExplainer,
  };
  return kAll;
}

const Explainer* recognise(std::string_view bytes) {
  const Explainer* best = nullptr;
  unsigned sureness = 0;
  for (const Explainer* explainer : all_explainers()) {
    const unsigned sure = explainer->recognise(bytes);
    if (sure <= sureness) continue;
    best = explainer;
    sureness = sure;
  }
  return best;
}

}  // namespace cleave
