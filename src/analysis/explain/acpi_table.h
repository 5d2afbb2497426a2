// DMAR and IVRS tables, binary or as text of acpidump.
#pragma once

#include "analysis/explain/explainer.h"

namespace cleave {

extern const Explainer kAcpiTableExplainer;

}  // namespace cleave
