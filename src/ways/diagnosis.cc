// Findings → verdicts → the whole diagnosis.
#include <algorithm>
#include <array>

#include "analysis/intel_gpu.h"
#include "ways/ways.h"

namespace cleave {
namespace {

Verdict verdict_of(const Finding& finding) {
  switch (finding.outcome.kind) {
    case OutcomeKind::Pass:
    case OutcomeKind::NotApplicable:
      return Verdict::Ready;
    case OutcomeKind::Unknown:
      return Verdict::Unknown;
    case OutcomeKind::Fail:
      break;
  }
  if (finding.rule->fixer == Fixer::Firmware) return Verdict::NeedsFirmware;
  if (finding.rule->level == RuleLevel::Blocker) return Verdict::Impossible;
  return Verdict::NeedsChanges;
}

const Finding* find_finding(const std::vector<Finding>& findings, std::string_view rule,
                            const PciAddress& gpu) {
  const auto found = std::ranges::find_if(findings, [&](const Finding& finding) {
    return rule == finding.rule->id && finding.gpu.value_or(gpu) == gpu;
  });
  return found == findings.end() ? nullptr : &*found;
}

const MdevParent* parent_at(const Facts& facts, const PciAddress& address) {
  const auto* parents = facts.mdev_parents.value();
  if (parents == nullptr) return nullptr;
  const auto found = std::ranges::find(*parents, address, &MdevParent::pci);
  return found == parents->end() ? nullptr : &*found;
}

const PciDevice* gpu_of(const Facts& facts, const MdevParent& parent) {
  const auto gpus = gpus_of(facts);
  const auto found =
      std::ranges::find_if(gpus, [&](const PciDevice* gpu) { return gpu->address == parent.pci; });
  return found == gpus.end() ? nullptr : *found;
}

const IntelGpu* gvt_gpu(const PciDevice& gpu) {
  const IntelGpu* known = gpu.vendor_id == kIntelVendorId ? find_intel_gpu(gpu.device_id) : nullptr;
  return known != nullptr && known->gvt_g ? known : nullptr;
}

GpuDiagnosis diagnose_gpu(const Facts& facts, const PciDevice& gpu,
                          const std::vector<Finding>& findings,
                          const std::optional<std::string>& wanted_way) {
  GpuDiagnosis diagnosis;
  diagnosis.gpu = &gpu;
  diagnosis.parent = parent_at(facts, gpu.address);
  for (const Way* way : all_ways()) {
    if (wanted_way && *wanted_way != way->id()) continue;
    if (way->applies_to(gpu)) diagnosis.ways.push_back(judge(*way, gpu, findings));
  }
  const auto aperture = aperture_bytes(gpu);
  if (diagnosis.parent != nullptr) {
    diagnosis.capacity = capacity_of(facts, *diagnosis.parent);
  } else if (const IntelGpu* known = gvt_gpu(gpu); known != nullptr && aperture) {
    diagnosis.capacity.types = predict_gvt_types(*aperture, known->graphics_version);
    diagnosis.predicted = true;
  }
  return diagnosis;
}

// Ready comes first, then what takes the person the least. Where the answer is not known or is no,
// nothing is recommended.
void recommend(Diagnosis& diagnosis) {
  for (const Verdict wanted : {Verdict::Ready, Verdict::NeedsChanges, Verdict::NeedsFirmware}) {
    for (std::size_t i = 0; i < diagnosis.gpus.size(); ++i) {
      for (const WayVerdict& way : diagnosis.gpus[i].ways) {
        if (way.verdict != wanted) continue;
        diagnosis.recommended_gpu = i;
        diagnosis.recommended_way = way.way;
        return;
      }
    }
  }
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ready:
      return "ready";
    case Verdict::NeedsChanges:
      return "needs-changes";
    case Verdict::Unknown:
      return "unknown";
    case Verdict::NeedsFirmware:
      return "needs-firmware";
    case Verdict::Impossible:
      return "impossible";
  }
  return "unknown";
}

WayVerdict judge(const Way& way, const PciDevice& gpu, const std::vector<Finding>& findings) {
  WayVerdict result;
  result.way = way.id();
  result.verdict = Verdict::Ready;
  for (const std::string& need : way.needs()) {
    const Finding* finding = find_finding(findings, need, gpu.address);
    // A rule that was not run says nothing good.
    const Verdict verdict = finding == nullptr ? Verdict::Unknown : verdict_of(*finding);
    result.verdict = std::max(result.verdict, verdict);
    if (finding != nullptr && verdict != Verdict::Ready) result.deciding.push_back(finding);
  }
  std::ranges::stable_sort(result.deciding, std::ranges::greater{},
                           [](const Finding* finding) { return verdict_of(*finding); });
  return result;
}

const Way& way_for_parent(const Facts& facts, const MdevParent& parent) {
  const bool gvt = std::ranges::any_of(parent.types, [](const MdevType& type) {
    return type.id.find("GVTg_V") != std::string::npos;
  });
  const PciDevice* gpu = gpu_of(facts, parent);
  return gvt || (gpu != nullptr && gvt_gpu(*gpu) != nullptr) ? gvt_g_way() : mdev_way();
}

Capacity capacity_of(const Facts& facts, const MdevParent& parent) {
  const PciDevice* gpu = gpu_of(facts, parent);
  const IntelGpu* known = gpu != nullptr ? gvt_gpu(*gpu) : nullptr;
  return compute_capacity(parent, facts.mediated_devices.value_or({}),
                          gpu != nullptr ? aperture_bytes(*gpu) : std::nullopt,
                          known != nullptr ? known->graphics_version : 0);
}

bool Diagnosis::ready() const {
  return std::ranges::any_of(gpus, [](const GpuDiagnosis& gpu) {
    return std::ranges::find(gpu.ways, Verdict::Ready, &WayVerdict::verdict) != gpu.ways.end();
  });
}

Diagnosis diagnose(const Facts& facts, const DiagnosisScope& scope) {
  Diagnosis diagnosis;
  diagnosis.facts = &facts;
  diagnosis.findings = run_rules(facts);
  if (scope.gpu) {
    std::erase_if(diagnosis.findings,
                  [&](const Finding& finding) { return finding.gpu && finding.gpu != scope.gpu; });
  }
  for (const PciDevice* gpu : gpus_of(facts)) {
    if (scope.gpu && gpu->address != *scope.gpu) continue;
    diagnosis.gpus.push_back(diagnose_gpu(facts, *gpu, diagnosis.findings, scope.way));
  }
  if (const auto* parents = facts.mdev_parents.value()) {
    for (const MdevParent& parent : *parents) {
      if (gpu_of(facts, parent) != nullptr) continue;
      diagnosis.other_parents.push_back({&parent, capacity_of(facts, parent)});
    }
  }
  recommend(diagnosis);
  return diagnosis;
}

}  // namespace cleave
