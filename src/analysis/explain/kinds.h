// The explainers that all.cc lists; each is defined in the file of its kind.
#pragma once

#include "analysis/explain/explainer.h"

namespace cleave {

extern const Explainer kAcpiTableExplainer;
extern const Explainer kKernelLogExplainer;
extern const Explainer kKernelConfigExplainer;
extern const Explainer kGrubExplainer;
extern const Explainer kKernelCommandLineExplainer;
extern const Explainer kPciListingExplainer;
extern const Explainer kQemuLogExplainer;
extern const Explainer kMdevDescriptionExplainer;

}  // namespace cleave
